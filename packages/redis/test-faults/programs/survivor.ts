/**
 * Makes every call over and over, and says how that goes: `survivor.ts <url> <connect|wrap> <listener|silent>`. When its input
 * ends it closes the cache and has nothing left to do, so it must end by itself.
 */
import { RedisCache } from '@cache/redis';
import { AwakeClock } from '@cache/test-servers';
import { createClient } from 'redis';
import { EVERY_CALL, type NamedCall } from '../every-call.ts';
import { answerQuestions } from './answer-questions.ts';

const [url = '', how, listening] = process.argv.slice(2);
const PAUSE_MS = 10;

const REFILLS: readonly NamedCall[] = [
  { operation: 'set', kind: 'write', run: (cache) => cache.set('a', 1) },
  { operation: 'set', kind: 'write', run: (cache) => cache.set('b', 1, { tags: ['t'] }) },
];
const READS = EVERY_CALL.filter(({ kind }) => kind === 'read');

const counts: Record<string, number> = {};
let rounds = 0;
const clock = new AwakeClock();
let slowestMs = 0;
let isStopped = false;

const options = { prefix: 'app:', ...(listening === 'listener' ? { hooks: { onError: () => {} } } : {}) };
const client = how === 'wrap' ? createClient({ url }) : undefined;
if (listening === 'listener') client?.on('error', () => {});
const cache = client === undefined ? await RedisCache.connect(url, options) : new RedisCache(client, options);
await client?.connect();

async function make(call: NamedCall): Promise<boolean> {
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
    // What the last of the calls cleared is there again, plain and in a frame, and every reading call meets it.
    answers.push(...(await Promise.all(REFILLS.map(make))), ...(await Promise.all(READS.map(make))));
    if (answers.every(Boolean)) rounds += 1;
    await new Promise((done) => setTimeout(done, PAUSE_MS));
  }
}

const working = work();
await answerQuestions({ report: () => ({ rounds, slowestMs, counts }) });
isStopped = true;
await working;
await cache.close();
if (client?.isOpen) client.destroy();
