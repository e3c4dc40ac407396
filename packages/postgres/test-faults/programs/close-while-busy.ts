/**
 * Makes every call, closes the cache before any is answered, and says how it all ended: `close-while-busy.ts <url> <connect|wrap>`.
 * Then nothing is left that could keep the process alive.
 */
import { DatabaseCache } from '@cache/postgres';
import { AwakeClock } from '@cache/test-servers';
import { openPool } from '../cache-pools.ts';
import { EVERY_CALL } from '../every-call.ts';
import { DEADLINES } from '../failures.ts';
import { answerQuestions } from './answer-questions.ts';

const [url = '', how] = process.argv.slice(2);
const options = { ...DEADLINES, hooks: { onError: () => {} } };
const sql = how === 'wrap' ? openPool(url) : undefined;
const cache = sql === undefined ? await DatabaseCache.connect(url, options) : new DatabaseCache(sql, options);
await cache.set('a', 1);
const clock = new AwakeClock();

async function closeWhileBusy(): Promise<unknown> {
  const calls = Promise.allSettled(EVERY_CALL.map(({ run }) => run(cache)));
  await new Promise((sent) => setImmediate(sent));
  const startedAt = clock.now();
  const closes = [cache.close(), cache.close()];
  const outcomes = await calls;
  const settledInMs = clock.now() - startedAt;
  await Promise.all(closes);
  const closedInMs = clock.now() - startedAt;
  const codes = outcomes.map((outcome) => (outcome.status === 'fulfilled' ? 'done' : outcome.reason.code));
  const afterwards = await Promise.allSettled(EVERY_CALL.map(({ run }) => run(cache)));
  return {
    settledInMs,
    closedInMs,
    codes,
    afterwards: afterwards.map((outcome) => (outcome.status === 'fulfilled' ? 'done' : outcome.reason.code)),
  };
}

await answerQuestions({ ready: () => 'ready', 'close while busy': closeWhileBusy });
// What postgres.js leaves half-closed is the application's own to end.
if (sql !== undefined) {
  await sql.end({ timeout: 0 });
  process.exit();
}
