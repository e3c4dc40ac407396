/** Another application on the same table: one get after the other, and how long they took: `bystander.ts <url>`. */
import { DatabaseCache } from '@cache/postgres';
import { answerQuestions } from './answer-questions.ts';

const PATIENT = { connectTimeoutMs: 20_000, readTimeoutMs: 20_000, writeTimeoutMs: 20_000 };
const [url = ''] = process.argv.slice(2);
const cache = await DatabaseCache.connect(url, { namespace: 'other', ...PATIENT });
await cache.set('a', 1, null);
let latenciesMs: number[] = [];
let wrong = 0;
let isStopped = false;

async function read(): Promise<void> {
  while (!isStopped) {
    const startedAt = performance.now();
    const value = await cache.get('a').catch(() => undefined);
    latenciesMs.push(performance.now() - startedAt);
    if (value !== 1) wrong += 1;
  }
}

const reading = read();
await answerQuestions({
  measure: () => {
    const sorted = latenciesMs.sort((a, b) => a - b);
    latenciesMs = [];
    const at = (part: number): number => Number((sorted[Math.floor(sorted.length * part)] ?? 0).toFixed(2));
    return { gets: sorted.length, wrong, p50Ms: at(0.5), p99Ms: at(0.99), maxMs: sorted.at(-1) };
  },
});
isStopped = true;
await reading;
await cache.close();
