/**
 * Sets 100,000 values on a server that does not answer, a thousand a turn, and says what that cost:
 * `set-while-down.ts <url> <connect|wrap>`.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { DatabaseCache } from '@cache/postgres';
import { openPool } from '../cache-pools.ts';
import { DEADLINES } from '../failures.ts';
import { answerQuestions } from './answer-questions.ts';

const [url = '', how] = process.argv.slice(2);
const SETS = 100_000;
const SETS_A_TURN = 1_000;

const options = { ...DEADLINES, maxPending: 1_000, hooks: { onError: () => {} } };
const sql = how === 'wrap' ? openPool(url) : undefined;
const cache = sql === undefined ? await DatabaseCache.connect(url, options) : new DatabaseCache(sql, options);
await cache.set('warm', 1);

function heapBytes(): number {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
}

async function flood(): Promise<unknown> {
  const counts: Record<string, number> = {};
  const before = heapBytes();
  let settled = 0;
  for (let index = 0; index < SETS; index += 1) {
    const count = (code: string): void => {
      counts[code] = (counts[code] ?? 0) + 1;
      settled += 1;
    };
    cache.set(`key-${index}`, { index, text: 'x'.repeat(200) }).then(
      () => count('done'),
      (error: { code: string }) => count(error.code),
    );
    if (index % SETS_A_TURN === 0) await nextTurn();
  }
  const whileDown = heapBytes();
  while (settled < SETS) await nextTurn();
  return { counts, grownBytes: whileDown - before, keptBytes: heapBytes() - before };
}

await answerQuestions({
  flood,
  set: async () => {
    for (;;) {
      try {
        await cache.set('warm', 2);
        return 'done';
      } catch {
        await nextTurn();
      }
    }
  },
});
await cache.close();
await sql?.end({ timeout: 1 });
