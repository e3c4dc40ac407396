/**
 * Makes every call over and over, and says how that goes: `survivor.ts <url> <connect|wrap> <listener|silent>`. When its input
 * ends it closes the cache and has nothing left to do, so it must end by itself.
 */
import { DatabaseCache } from '@cache/postgres';
import { AwakeClock } from '@cache/test-servers';
import { openPool } from '../cache-pools.ts';
import { EVERY_CALL } from '../every-call.ts';
import { answerQuestions } from './answer-questions.ts';

const [url = '', how, listening] = process.argv.slice(2);
const PAUSE_MS = 10;

const counts: Record<string, number> = {};
let rounds = 0;
const clock = new AwakeClock();
let slowestMs = 0;
let isStopped = false;

const options = listening === 'listener' ? { hooks: { onError: () => {} } } : {};
const sql = how === 'wrap' ? openPool(url) : undefined;
const cache = sql === undefined ? await DatabaseCache.connect(url, options) : new DatabaseCache(sql, options);

async function make(call: (typeof EVERY_CALL)[number]): Promise<boolean> {
  const startedAt = clock.now();
  let code = 'done';
  try {
    await call.run(cache);
  } catch (error) {
    code = String((error as { code?: unknown }).code);
  }
  counts[code] = (counts[code] ?? 0) + 1;
  slowestMs = Math.max(slowestMs, clock.now() - startedAt);
  return code === 'done';
}

async function work(): Promise<void> {
  while (!isStopped) {
    const answers = await Promise.all(EVERY_CALL.map(make));
    if (answers.every(Boolean)) rounds += 1;
    await new Promise((done) => setTimeout(done, PAUSE_MS));
  }
}

const working = work();
await answerQuestions({ report: () => ({ rounds, slowestMs, counts }) });
isStopped = true;
await working;
await cache.close();
await sql?.end({ timeout: 1 });
