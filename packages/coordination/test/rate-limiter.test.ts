import { type RateLimit, RateLimiter, type RateLimiterOptions } from '@cache/coordination';
import { toAsync } from '@cache/core';
import { InMemoryCache } from '@cache/memory';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { ManualTime } from './manual-time.ts';
import { countThenExpire, readThenWrite } from './naive-rate-limiter.ts';

const WINDOW_MS = 10_000;
const ALLOWED = { allowed: true, retryAfterInSeconds: 0 };

interface SetUp {
  readonly time: ManualTime;
  readonly cache: InMemoryCache;
  readonly limiter: RateLimiter;
}

/** A limiter whose first window begins now: that is where the clock item in the cache says that time is. */
function setUp(options: Partial<RateLimiterOptions> = {}): SetUp {
  const time = new ManualTime();
  const cache = new InMemoryCache({ clock: time, maxSize: 100_000 });
  cache.set('rate-limit:clock', 1_000 * WINDOW_MS, 10 * 365 * 86_400);
  const limiter = new RateLimiter(cache, { limit: 3, windowInSeconds: WINDOW_MS / 1_000, timers: time, ...options });
  return { time, cache, limiter };
}

async function allowedOf(answers: readonly Promise<RateLimit>[]): Promise<number> {
  return (await Promise.all(answers)).filter(({ allowed }) => allowed).length;
}

const counters = (cache: InMemoryCache): string[] => [...cache.keys()].filter((key) => key !== 'rate-limit:clock');

describe('a fixed window', () => {
  test('allows the limit, counts down, and says when the window ends', async () => {
    const { limiter, time } = setUp();
    expect(await limiter.hit('k')).toEqual({ ...ALLOWED, remaining: 2 });
    time.skip(4_000);
    expect(await limiter.hit('k')).toEqual({ ...ALLOWED, remaining: 1 });
    expect(await limiter.hit('k')).toEqual({ ...ALLOWED, remaining: 0 });
    expect(await limiter.hit('k')).toEqual({ allowed: false, remaining: 0, retryAfterInSeconds: 6 });
    expect(await limiter.hit('another')).toEqual({ ...ALLOWED, remaining: 2 });
    time.skip(5_999);
    expect((await limiter.hit('k')).allowed).toBe(false);
    time.skip(1);
    expect(await limiter.hit('k')).toEqual({ ...ALLOWED, remaining: 2 });
  });

  test('counts several hits at once, all or none; what is refused closes the window', async () => {
    const { limiter } = setUp({ limit: 10 });
    expect(await limiter.hit('k', 7)).toEqual({ ...ALLOWED, remaining: 3 });
    expect(await limiter.hit('k', 4)).toEqual({ allowed: false, remaining: 0, retryAfterInSeconds: 10 });
    expect((await limiter.hit('k')).allowed).toBe(false);
  });

  test('asks again when the window ends that its first look did not see', async () => {
    const { cache } = setUp();
    let looks = 0;
    const disorderly = {
      ...toAsync(cache),
      // As over another connection: it is carried out before the counter is there.
      getTtl: async (key: string) => {
        looks += 1;
        return looks % 2 === 1 ? undefined : cache.getTtl(key);
      },
    };
    const limiter = new RateLimiter(disorderly, { limit: 3, windowInSeconds: 10 });
    const answers = await Promise.all(Array.from({ length: 4 }, () => limiter.hit('k')));
    expect(answers[3]).toEqual({ allowed: false, remaining: 0, retryAfterInSeconds: 10 });
  });
});

describe('a sliding window', () => {
  const sliding = { algorithm: 'sliding-window', limit: 10 } as const;

  test('lets the hits of the window before slide out', async () => {
    const { limiter, time } = setUp(sliding);
    expect(await allowedOf(Array.from({ length: 12 }, () => limiter.hit('k')))).toBe(10);
    time.skip(WINDOW_MS);
    expect(await limiter.hit('k')).toEqual({ allowed: false, remaining: 0, retryAfterInSeconds: expect.closeTo(1, 2) });
    time.skip(WINDOW_MS * 0.3);
    expect(await limiter.hit('k', 3)).toEqual({ ...ALLOWED, remaining: 0 });
    expect(await limiter.hit('k', 3)).toEqual({
      allowed: false,
      remaining: 0,
      retryAfterInSeconds: expect.closeTo(3, 2),
    });
    time.skip(WINDOW_MS * 0.2);
    expect(await limiter.hit('k')).toEqual({ ...ALLOWED, remaining: 1 });
    time.skip(WINDOW_MS * 2);
    expect(await limiter.hit('k', 10)).toEqual({ ...ALLOWED, remaining: 0 });
  });

  test('takes back what it refused, so that hammering does not keep it shut', async () => {
    const { limiter, time, cache } = setUp(sliding);
    let allowed = 0;
    for (let ms = 0; ms < 10 * WINDOW_MS; ms += 100) {
      if ((await limiter.hit('k')).allowed) allowed += 1;
      await time.advance(100);
    }
    expect(allowed).toBeGreaterThanOrEqual(90);
    expect(allowed).toBeLessThanOrEqual(109);
    for (const key of counters(cache)) expect(cache.get(key)).toBeLessThanOrEqual(10);
  });

  test('is not raised by what is taken back late, when the window is over', async () => {
    const { cache, time } = setUp();
    const late: (() => void)[] = [];
    const slow = {
      ...toAsync(cache),
      decrement: async (...args: Parameters<InMemoryCache['decrement']>) => {
        await new Promise<void>((resolve) => late.push(resolve));
        return cache.decrement(...args);
      },
    };
    const limiter = new RateLimiter(slow, { ...sliding, windowInSeconds: 10, timers: time });
    expect(await allowedOf(Array.from({ length: 30 }, () => limiter.hit('k')))).toBe(10);
    time.skip(WINDOW_MS * 2 + 1);
    for (const carryOut of late) carryOut();
    await time.advance(0);
    expect(await allowedOf(Array.from({ length: 30 }, () => limiter.hit('k')))).toBe(10);
    time.skip(WINDOW_MS);
    expect((await limiter.hit('k')).allowed).toBe(false);
  });

  test.each(['reset', 'evicted'] as const)(
    'is not raised beyond the limit by what is taken back late, when its counter was %s meanwhile',
    async (how) => {
      const { cache, time } = setUp();
      const late: (() => void)[] = [];
      const slow = {
        ...toAsync(cache),
        decrement: async (...args: Parameters<InMemoryCache['decrement']>) => {
          await new Promise<void>((resolve) => late.push(resolve));
          return cache.decrement(...args);
        },
      };
      const limiter = new RateLimiter(slow, { ...sliding, windowInSeconds: 10, timers: time });
      expect(await allowedOf(Array.from({ length: 50 }, () => limiter.hit('k')))).toBe(10);
      expect((await limiter.hit('k', 4)).allowed).toBe(false);
      await time.advance(0);
      if (how === 'reset') await limiter.reset('k');
      else for (const key of counters(cache)) cache.removeItem(key);
      for (const carryOut of late.splice(0)) carryOut();
      await time.advance(0);
      expect(await limiter.peek('k')).toEqual({ ...ALLOWED, remaining: 10 });
      expect(await allowedOf(Array.from({ length: 50 }, () => limiter.hit('k')))).toBe(10);
      await time.advance(0);
      for (const carryOut of late.splice(0)) carryOut();
      await time.advance(0);
      expect((await limiter.peek('k')).allowed).toBe(false);
      for (const key of counters(cache)) expect(cache.getTtl(key)).toBeGreaterThan(0);
    },
  );

  test('answers as the formula says, and a caller who waits as told is let in', async () => {
    const step = fc.record({ pauseMs: fc.integer({ min: 0, max: 15_000 }), hits: fc.integer({ min: 1, max: 10 }) });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const { limiter, time } = setUp(sliding);
        const startMs = time.now();
        // Half a millisecond off, since the time comes as a fraction: what is at a window's very end may fall on either side of it.
        time.skip(0.5);
        const allowed: { atMs: number; hits: number }[] = [];
        const hitsIn = (fromMs: number, toMs: number): number =>
          allowed.filter(({ atMs }) => atMs >= fromMs && atMs < toMs).reduce((sum, { hits }) => sum + hits, 0);
        const hit = async (hits: number): Promise<RateLimit> => {
          const atMs = time.now() - startMs;
          const windowAt = Math.floor(atMs / WINDOW_MS) * WINDOW_MS;
          const weight = 1 - (atMs - windowAt) / WINDOW_MS;
          const used = hitsIn(windowAt - WINDOW_MS, windowAt) * weight + hitsIn(windowAt, windowAt + WINDOW_MS);
          const peeked = await limiter.peek('k');
          const answer = await limiter.hit('k', hits);
          // Numbers beside an integer may fall on either side of it.
          const left = sliding.limit - used - hits;
          if (Math.abs(left - Math.round(left)) > 1e-5) {
            expect(answer.allowed).toBe(left >= 0);
            expect(answer.remaining).toBe(Math.max(0, Math.floor(answer.allowed ? left : left + hits)));
            expect(peeked.remaining).toBe(Math.max(0, Math.floor(left + hits)));
            expect(peeked.allowed).toBe(left + hits >= 1);
          }
          if (answer.allowed) allowed.push({ atMs, hits });
          return answer;
        };
        for (const { pauseMs, hits } of steps) {
          time.skip(pauseMs);
          const { allowed: isAllowed, retryAfterInSeconds } = await hit(hits);
          if (isAllowed) continue;
          expect(retryAfterInSeconds).toBeGreaterThan(0);
          expect(retryAfterInSeconds).toBeLessThanOrEqual(20);
          await time.advance(retryAfterInSeconds * 1_000);
          expect((await hit(hits)).allowed).toBe(true);
        }
        const bound = 2 * sliding.limit - 1;
        for (const { atMs } of allowed) expect(hitsIn(atMs, atMs + WINDOW_MS)).toBeLessThanOrEqual(bound);
      }),
      { numRuns: 300 },
    );
  });

  test('reaches its bound where all hits came at the end of the window before: twice the limit, less one', async () => {
    const { limiter, time } = setUp(sliding);
    time.skip(WINDOW_MS - 1);
    let allowed = await allowedOf(Array.from({ length: 11 }, () => limiter.hit('k')));
    for (let ms = 0; ms < WINDOW_MS; ms += 10) {
      await time.advance(ms === 0 ? 1 : 10);
      if ((await limiter.hit('k')).allowed) allowed += 1;
    }
    expect(allowed).toBe(19);
  });

  test('has the windows of the cache, however far apart the clocks of two processes are', async () => {
    const { cache, time } = setUp();
    const elsewhere = { now: () => time.now() + 123_456_789 };
    const options = { ...sliding, windowInSeconds: 10 };
    const one = new RateLimiter(cache, { ...options, timers: time });
    const other = new RateLimiter(cache, { ...options, timers: elsewhere });
    const both = (): Promise<number> => allowedOf(Array.from({ length: 20 }, (_, i) => (i % 2 ? one : other).hit('k')));
    for (let round = 0; round < 50; round += 1) {
      expect(await both()).toBe(10);
      await time.advance(2 * WINDOW_MS);
    }
    expect(counters(cache).filter((key) => cache.exists(key)).length).toBeLessThanOrEqual(2);
  });

  test('goes on when the item that carries its time is evicted, and when the cache fails in between', async () => {
    const { cache, time } = setUp();
    let isDown = false;
    const store = new Proxy(toAsync(cache), {
      get(target, name: string) {
        const call = (target as unknown as Record<string, (...args: unknown[]) => unknown>)[name];
        return (...args: unknown[]) => (isDown ? Promise.reject(new Error('down')) : call?.(...args));
      },
    });
    const limiter = new RateLimiter(store, { ...sliding, windowInSeconds: 10, timers: time });
    isDown = true;
    await expect(limiter.hit('k')).rejects.toThrow('down');
    isDown = false;
    expect(await allowedOf(Array.from({ length: 11 }, () => limiter.hit('k')))).toBe(10);
    cache.removeItem('rate-limit:clock');
    await time.advance(61_000);
    expect((await limiter.hit('k')).allowed).toBe(true);
    await time.advance(0);
    expect(cache.getTtl('rate-limit:clock')).toBe(10 * 365 * 86_400);
    isDown = true;
    await time.advance(61_000);
    await expect(limiter.hit('k')).rejects.toThrow('down');
    await time.advance(0);
    isDown = false;
    expect(await allowedOf(Array.from({ length: 11 }, () => limiter.hit('k')))).toBe(10);
  });

  test('takes no lifetime for that of an item which was replaced while it was read', async () => {
    const { cache, time } = setUp();
    let isReplaced = false;
    const store = {
      ...toAsync(cache),
      getTtl: async (key: string) => {
        if (!isReplaced) cache.set(key, 5_000 * WINDOW_MS, 10 * 365 * 86_400);
        isReplaced = true;
        return cache.getTtl(key);
      },
    };
    await new RateLimiter(store, { ...sliding, windowInSeconds: 10, timers: time }).hit('k');
    expect(counters(cache)).toEqual(['rate-limit:sliding:10:5000:k']);
  });

  test('says so when a cache does not keep the time', async () => {
    const { cache, time } = setUp();
    const forgetful = { ...toAsync(cache), get: async () => undefined };
    const limiter = new RateLimiter(forgetful, { ...sliding, windowInSeconds: 10, timers: time });
    await expect(limiter.hit('k')).rejects.toMatchObject({ code: 'ERR_CACHE_UNAVAILABLE' });
  });
});

describe.each(['fixed-window', 'sliding-window'] as const)('a limiter of the algorithm %s', (algorithm) => {
  test('asks two things of the cache for each hit, in one tick: one round trip', async () => {
    const { cache, time } = setUp();
    const ticks: string[][] = [];
    let isNewTick = true;
    const watched = new Proxy(toAsync(cache), {
      get(target, name: string) {
        const call = (target as unknown as Record<string, (...args: unknown[]) => unknown>)[name];
        return (...args: unknown[]) => {
          if (isNewTick) ticks.push([]);
          isNewTick = false;
          setImmediate(() => {
            isNewTick = true;
          });
          ticks.at(-1)?.push(name);
          return call?.(...args);
        };
      },
    });
    const limiter = new RateLimiter(watched, { limit: 4, windowInSeconds: 10, algorithm, timers: time });
    await limiter.hit('k'); // The first of a sliding window asks for the time.
    await time.advance(0);
    ticks.length = 0;
    for (let hit = 0; hit < 3; hit += 1) {
      await limiter.hit('k');
      await time.advance(0);
    }
    expect(ticks).toEqual(Array(3).fill(['increment', algorithm === 'fixed-window' ? 'getTtl' : 'get']));
  });

  test('row 53: allows exactly 100 of 1,000 hits at once, and leaves no counter that lives for ever', async () => {
    const { limiter, cache } = setUp({ algorithm, limit: 100 });
    const answers = await Promise.all(Array.from({ length: 1_000 }, () => limiter.hit('k')));
    expect(answers.filter(({ allowed }) => allowed)).toHaveLength(100);
    for (const { allowed, retryAfterInSeconds } of answers) expect(retryAfterInSeconds > 0).toBe(!allowed);
    for (const key of cache.keys()) expect(cache.getTtl(key)).toBeGreaterThan(0);
  });

  test('peeks without counting, and forgets on reset', async () => {
    const { limiter } = setUp({ algorithm });
    expect(await limiter.peek('k')).toEqual({ ...ALLOWED, remaining: 3 });
    await limiter.hit('k', 2);
    expect(await limiter.peek('k')).toEqual({ ...ALLOWED, remaining: 1 });
    expect(await limiter.peek('k')).toEqual({ ...ALLOWED, remaining: 1 });
    await limiter.hit('k');
    expect(await limiter.peek('k')).toMatchObject({ allowed: false, remaining: 0 });
    expect((await limiter.peek('k')).retryAfterInSeconds).toBeGreaterThan(0);
    await limiter.reset('k');
    await limiter.reset('never hit');
    expect(await limiter.hit('k', 3)).toEqual({ ...ALLOWED, remaining: 0 });
  });

  test('counts apart by name and by window', async () => {
    const { cache, time, limiter } = setUp({ algorithm });
    const other = new RateLimiter(cache, { algorithm, limit: 1, windowInSeconds: 60, timers: time });
    const named = new RateLimiter(cache, { algorithm, limit: 1, windowInSeconds: 10, name: 'login', timers: time });
    for (const each of [limiter, other, named]) expect((await each.hit('k')).allowed).toBe(true);
    for (const each of [other, named]) expect((await each.hit('k')).allowed).toBe(false);
    expect((await limiter.hit('k')).allowed).toBe(true);
  });

  test('refuses what is no limit, window, key or number of hits, and asks the cache nothing', async () => {
    const { limiter, cache, time } = setUp({ algorithm });
    const wrong: unknown[] = [
      { limit: 0 },
      { limit: 1.5 },
      { limit: '3' },
      { windowInSeconds: 0 },
      { windowInSeconds: Number.NaN },
      { windowInSeconds: Number.POSITIVE_INFINITY },
      { windowInSeconds: '10' },
      { algorithm: 'leaky-bucket' },
      { timers: {} },
      { timers: null },
    ];
    for (const option of wrong) {
      const make = (): RateLimiter =>
        new RateLimiter(cache, { limit: 3, windowInSeconds: 10, algorithm, timers: time, ...(option as object) });
      expect(make).toThrow(expect.objectContaining({ code: 'ERR_CACHE_OPTION' }));
    }
    for (const hits of [0, -1, 1.5, 4, Number.NaN]) {
      await expect(limiter.hit('k', hits)).rejects.toMatchObject({ code: 'ERR_CACHE_OPTION' });
    }
    for (const call of [limiter.hit(''), limiter.peek(''), limiter.reset('a\0b')]) {
      await expect(call).rejects.toMatchObject({ code: 'ERR_CACHE_KEY' });
    }
    expect(counters(cache)).toEqual([]);
  });
});

test.each<[cache: string, without: unknown]>([
  ['none', undefined],
  ['null', null],
  ['a client', { incr: () => 1 }],
  ['a cache without increment()', { get: () => undefined, removeItem: () => false }],
])('instead of a cache, %s is refused with what is missing', (_, cache) => {
  expect(() => new RateLimiter(cache as never, { limit: 3, windowInSeconds: 10 })).toThrow(
    expect.objectContaining({ code: 'ERR_CACHE_OPTION', message: expect.stringContaining('has no increment()') }),
  );
});

test.each([[undefined], [null], [100]])('options %j are refused with an example', (options) => {
  expect(() => new RateLimiter(setUp().cache, options as never)).toThrow(
    expect.objectContaining({
      code: 'ERR_CACHE_OPTION',
      message: expect.stringContaining('{ limit: 100, windowInSeconds: 60 }'),
    }),
  );
});

test('controls: a limiter that reads and then writes allows too many, one that counts and then expires may never end', async () => {
  const { cache, time } = setUp();
  const store = toAsync(cache);
  const counts = await Promise.all(Array.from({ length: 1_000 }, () => readThenWrite(store, 'read', 10)));
  expect(counts.filter((count) => count <= 100).length).toBeGreaterThan(100);
  // The process is killed between the two steps.
  void countThenExpire(store, 'count', 10, () => new Promise(() => {}));
  await time.advance(0);
  expect(cache.getTtl('count')).toBeNull();
  for (let hit = 0; hit < 100; hit += 1) await countThenExpire(store, 'count', 10);
  time.skip(365 * 86_400_000);
  expect(await countThenExpire(store, 'count', 10)).toBeGreaterThan(100);
});
