import { acquireLock, type CacheLock, type LockStore, RateLimiter, type Timers, withLock } from '@cache/coordination';
import { waitUntil } from '@cache/test-servers';
import { describe, expect, test } from '@jest/globals';
import { BACKENDS, type Backend } from './backends.ts';
import { readThenWrite } from './naive-rate-limiter.ts';

const HELD = { code: 'ERR_CACHE_LOCK_HELD' };

describe.each(Object.entries(BACKENDS))('over %s', (_name, open) => {
  test('a lock belongs to one of many who ask at once, and nobody else can renew or release it', async () => {
    await using backend = await open();
    const { cache } = backend;
    const fast = { waitTimeoutMs: 0, leaseInSeconds: 600 };
    const asked = await Promise.allSettled(Array.from({ length: 20 }, () => acquireLock(cache, 'k', fast)));
    const got = asked.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []));
    expect(got).toHaveLength(1);
    for (const answer of asked) if (answer.status === 'rejected') expect(answer.reason).toMatchObject(HELD);
    const [lock] = got as [CacheLock];
    expect(await cache.removeIfEquals('lock:owner:k', 'another token')).toBe(false);
    expect(await cache.setTtlIfEquals('lock:owner:k', 'another token', 1)).toBe(false);
    await lock.renew();
    expect(lock.isHeld).toBe(true);
    expect(await cache.getTtl('lock:owner:k')).toBeGreaterThan(500);
    expect(await cache.getTtl('lock:fence:k')).toBeNull();
    expect(await lock.release()).toBe(true);
    await using next = await acquireLock(cache, 'k', fast);
    expect(next.fencingNumber).toBe(lock.fencingNumber + 1);
    expect(await lock.release()).toBe(true); // Says again what it said, and takes nothing from the next.
    expect(next.isHeld).toBe(true);
    await next.renew();
  });

  test('what many do under a lock, each does alone', async () => {
    await using backend = await open();
    const { cache } = backend;
    const numbers: number[] = [];
    const addOne = async ({ fencingNumber }: { fencingNumber: number }): Promise<void> => {
      numbers.push(fencingNumber);
      await readThenWrite(cache, 'count', 600);
    };
    const patient = { waitTimeoutMs: 60_000, maxRetryDelayMs: 20, leaseInSeconds: 600 };
    await Promise.all(Array.from({ length: 20 }, () => withLock(cache, 'k', addOne, patient)));
    expect(await cache.get('count')).toBe(20);
    expect(numbers).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
    await cache.removeItem('count');
    await Promise.all(Array.from({ length: 20 }, () => addOne({ fencingNumber: 0 })));
    expect(await cache.get('count')).toBeLessThan(20);
  });

  test.each(['fixed-window', 'sliding-window'] as const)(
    'row 53: exactly 100 of 1,000 hits at once are allowed by a %s, from two limiters, and every counter ends',
    async (algorithm) => {
      await using backend = await open();
      const { cache } = backend;
      const limiters = [1, 2].map(() => new RateLimiter(cache, { limit: 100, windowInSeconds: 3_600, algorithm }));
      const answers = await Promise.all(
        Array.from({ length: 1_000 }, (_, hit) => (limiters[hit % 2] as RateLimiter).hit('k')),
      );
      expect(answers.filter(({ allowed }) => allowed)).toHaveLength(100);
      for (const { allowed, retryAfterInSeconds } of answers) {
        expect(retryAfterInSeconds > 0 && retryAfterInSeconds < 7_202).toBe(!allowed);
      }
      const [limiter] = limiters as [RateLimiter];
      expect(await limiter.peek('k')).toMatchObject({ allowed: false, remaining: 0 });
      const keys: string[] = [];
      for await (const key of cache.keys('rate-limit:')) keys.push(key);
      expect(keys).not.toEqual([]);
      for (const key of keys) expect(await cache.getTtl(key)).toBeGreaterThan(0);
      await limiter.reset('k');
      expect((await limiter.hit('k', 100)).allowed).toBe(true);
    },
  );
});

/** These wait for leases to pass, each over every backend at once. */
describe('over every backend', () => {
  test('a lock that is held beyond its lease is renewed', async () => {
    await settled(Object.values(BACKENDS).map(holdBeyondLease));
  });

  test('row 52: a lock whose lease runs out unrenewed goes to the next, and its first owner finds it lost', async () => {
    await settled(Object.values(BACKENDS).map(loseToNext));
  });
});

async function holdBeyondLease(open: () => Promise<Backend>): Promise<void> {
  await using backend = await open();
  const { cache } = backend;
  let renewals = 0;
  const store: LockStore = {
    setWithNx: (...args) => cache.setWithNx(...args),
    increment: (...args) => cache.increment(...args),
    removeIfEquals: (...args) => cache.removeIfEquals(...args),
    setTtlIfEquals: async (...args) => {
      const isOurs = await cache.setTtlIfEquals(...args);
      renewals += 1;
      return isOurs;
    },
  };
  await using lock = await acquireLock(store, 'k', { leaseInSeconds: 3 });
  await waitUntil('Four thirds of the lease', 30_000, () => renewals === 4);
  expect(lock.isHeld).toBe(true);
  await expect(acquireLock(cache, 'k', { waitTimeoutMs: 0 })).rejects.toMatchObject(HELD);
}

async function loseToNext(open: () => Promise<Backend>): Promise<void> {
  await using backend = await open();
  const { cache } = backend;
  // A process whose timers do not fire.
  const frozen: Timers = { now: () => performance.now(), after: () => () => {}, afterUnlessIdle: () => () => {} };
  const first = await acquireLock(cache, 'k', { leaseInSeconds: 1, timers: frozen });
  await using next = await acquireLock(cache, 'k', { leaseInSeconds: 600, waitTimeoutMs: 60_000 });
  expect(next.fencingNumber).toBeGreaterThan(first.fencingNumber);
  expect(first.signal.aborted).toBe(true);
  expect(first.signal.reason).toMatchObject({ code: 'ERR_CACHE_LOCK_LOST' });
  expect(await first.release()).toBe(false);
  await next.renew();
}

/** Waits for all of them, so that none is left behind, and fails as the first of them did. */
async function settled(runs: readonly Promise<void>[]): Promise<void> {
  await Promise.allSettled(runs);
  await Promise.all(runs);
}
