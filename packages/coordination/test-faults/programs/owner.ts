/**
 * A process that takes a lock or counts hits when it is asked to, and can be frozen or killed meanwhile:
 * `owner.ts <redis|postgres> <url>`. When its input ends it closes its cache, and must end by itself, lock or no lock.
 */
import { createInterface } from 'node:readline';
import { acquireLock, type CacheLock, RateLimiter } from '@cache/coordination';
import { type NaiveLock, naiveLock } from '../../test/naive-lock.ts';
import { countThenExpire } from '../../test/naive-rate-limiter.ts';
import { type BackendName, openCache, PATIENT } from '../backends.ts';

const [backend, url = ''] = process.argv.slice(2);
const cache = await openCache(backend as BackendName, url);
let lock: CacheLock | undefined;
let naive: NaiveLock | undefined;
let hits = 0;

const ALGORITHMS = ['fixed-window', 'sliding-window'] as const;

/** How many of 250 hits at once each algorithm allows. */
async function hitAtOnce(): Promise<number[]> {
  const patient = await openCache(backend as BackendName, url, PATIENT);
  // A window that ends while they count would begin another count.
  const windowInSeconds = 365 * 86_400;
  const allowed = ALGORITHMS.map(async (algorithm) => {
    const limiter = new RateLimiter(patient, { limit: 100, windowInSeconds, algorithm });
    const answers = await Promise.all(Array.from({ length: 250 }, () => limiter.hit('shared')));
    return answers.filter((answer) => answer.allowed).length;
  });
  const counts = await Promise.all(allowed);
  await patient.close();
  return counts;
}

async function hitForEver(): Promise<never> {
  const patient = await openCache(backend as BackendName, url, PATIENT);
  const options = { limit: 5, windowInSeconds: 600 };
  const limiters = ALGORITHMS.map((algorithm) => new RateLimiter(patient, { ...options, algorithm }));
  for (;;) {
    await Promise.all(limiters.map((limiter) => limiter.hit(`key ${Math.floor(hits / 10)}`)));
    hits += 1;
  }
}

const answers: Readonly<Record<string, () => unknown>> = {
  pid: () => process.pid,
  async acquire() {
    lock = await acquireLock(cache, 'k', { leaseInSeconds: 2, waitTimeoutMs: 30_000 });
    return lock.fencingNumber;
  },
  look: () => ({ aborted: lock?.signal.aborted, code: lock?.signal.reason?.code }),
  async wait() {
    const { signal } = lock as CacheLock;
    if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve));
    return signal.reason.code;
  },
  release: () => lock?.release(),
  async acquireNaively() {
    naive = await naiveLock(cache, 'k', 2);
    return naive !== undefined;
  },
  releaseNaively: () => naive?.release(),
  hitAtOnce,
  hit: () => void hitForEver(),
  hits: () => hits,
  async countWithoutExpiring() {
    await new Promise<void>((counted) => {
      void countThenExpire(cache, 'naive', 60, async () => {
        counted();
        await new Promise(() => {});
      });
    });
  },
};

for await (const question of createInterface({ input: process.stdin })) {
  const answer = answers[question];
  if (answer === undefined) throw new Error(`Nobody here answers "${question}".`);
  console.log(JSON.stringify((await answer()) ?? null));
}
await cache.close();
