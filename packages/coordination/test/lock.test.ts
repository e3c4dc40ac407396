import { getEventListeners } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { acquireLock, type LockOptions, withLock } from '@cache/coordination';
import { type AtomicCache, toAsync } from '@cache/core';
import { InMemoryCache } from '@cache/memory';
import { describe, expect, jest, test } from '@jest/globals';
import fc from 'fast-check';
import { ManualTime } from './manual-time.ts';
import { naiveLock } from './naive-lock.ts';

const LEASE_MS = 9_000;
const LOST = { name: 'CacheLockLostError', code: 'ERR_CACHE_LOCK_LOST' };
const HELD = { name: 'CacheLockHeldError', code: 'ERR_CACHE_LOCK_HELD' };

function setUp(): { time: ManualTime; cache: InMemoryCache; options: LockOptions } {
  const time = new ManualTime();
  const cache = new InMemoryCache({ clock: time });
  return { time, cache, options: { leaseInSeconds: LEASE_MS / 1000, waitTimeoutMs: 0, timers: time } };
}

/** A cache whose calls can be made to fail or to hang. */
function faulty(cache: InMemoryCache): { cache: AtomicCache; fail: Set<string>; hang: Set<string>; calls: string[] } {
  const fail = new Set<string>();
  const hang = new Set<string>();
  const calls: string[] = [];
  const proxy = new Proxy(toAsync(cache), {
    get(target, name: string) {
      const call = (target as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>)[name];
      return (...args: unknown[]) => {
        calls.push(name);
        if (fail.has(name)) return Promise.reject(new Error('The server fails.'));
        if (hang.has(name)) return new Promise(() => {});
        return call?.(...args);
      };
    },
  });
  return { cache: proxy, fail, hang, calls };
}

/** A cache that renews at once and says so when it is told to, once each time. */
function answeringLate(cache: InMemoryCache): { cache: AtomicCache; answer: () => void } {
  const memory = toAsync(cache);
  const answers: (() => void)[] = [];
  const setTtlIfEquals: AtomicCache['setTtlIfEquals'] = async (...args) => {
    const isOurs = await memory.setTtlIfEquals(...args);
    await new Promise<void>((resolve) => answers.push(resolve));
    return isOurs;
  };
  return {
    cache: { ...memory, setTtlIfEquals },
    answer: () => answers.shift()?.(),
  };
}

describe('a lock', () => {
  test('belongs to one at a time, and to the next when it is released', async () => {
    const { cache, options } = setUp();
    const lock = await acquireLock(cache, 'k', options);
    await expect(acquireLock(cache, 'k', options)).rejects.toMatchObject(HELD);
    expect((await acquireLock(cache, 'other', options)).isHeld).toBe(true);
    expect(lock.isHeld).toBe(true);
    expect(await lock.release()).toBe(true);
    expect(await lock.release()).toBe(true);
    expect(lock.isHeld).toBe(false);
    expect(lock.signal.aborted).toBe(false);
    expect((await acquireLock(cache, 'k', options)).isHeld).toBe(true);
  });

  test('has a fencing number larger than all before, also when the locks before ran out or were refused', async () => {
    const { cache, options, time } = setUp();
    const numbers: number[] = [];
    for (let round = 0; round < 5; round += 1) {
      const lock = await acquireLock(cache, 'k', options);
      numbers.push(lock.fencingNumber);
      await expect(acquireLock(cache, 'k', options)).rejects.toMatchObject(HELD);
      if (round % 2 === 0) await lock.release();
      else time.skip(LEASE_MS + 1);
    }
    expect(numbers).toEqual([1, 2, 3, 4, 5]);
    expect((await acquireLock(cache, 'other', options)).fencingNumber).toBe(1);
  });

  test('leaves one small item, the counter of its fencing numbers, for ever unless told otherwise', async () => {
    const { cache, options } = setUp();
    await (await acquireLock(cache, 'k', options)).release();
    await (await acquireLock(cache, 'l', { ...options, fenceExpirationInSeconds: 86_400 })).release();
    expect([...cache.keys()].sort()).toEqual(['lock:fence:k', 'lock:fence:l']);
    expect(cache.getTtl('lock:fence:k')).toBeNull();
    expect(cache.getTtl('lock:fence:l')).toBe(86_400);
  });

  test('is renewed at a third of its lease for as long as it is held, and by nothing afterwards', async () => {
    const { cache, options, time } = setUp();
    const lock = await acquireLock(cache, 'k', options);
    for (let third = 0; third < 30; third += 1) {
      await time.advance(LEASE_MS / 3);
      expect(cache.getTtl('lock:owner:k')).toBe(LEASE_MS / 1000);
    }
    expect(lock.isHeld).toBe(true);
    await lock.release();
    expect(time.pending).toBe(0);
  });

  test('tells that it is lost when it was taken away, at its next renewal', async () => {
    const { cache, options, time } = setUp();
    const lock = await acquireLock(cache, 'k', options);
    cache.removeItem('lock:owner:k');
    const other = await acquireLock(cache, 'k', options);
    const aborted = jest.fn();
    lock.signal.addEventListener('abort', aborted);
    await time.advance(LEASE_MS / 3);
    expect(aborted).toHaveBeenCalledTimes(1);
    expect(lock.signal.reason).toMatchObject(LOST);
    await expect(lock.renew()).rejects.toMatchObject(LOST);
    expect(await lock.release()).toBe(false);
    expect(other.isHeld).toBe(true);
    expect(await other.release()).toBe(true);
    expect(time.pending).toBe(0);
  });

  test('is confirmed or found lost by renew, at once', async () => {
    const { cache, options, time } = setUp();
    const lock = await acquireLock(cache, 'k', options);
    await time.advance(1_000);
    await lock.renew();
    expect(cache.getTtl('lock:owner:k')).toBe(LEASE_MS / 1000);
    cache.removeItem('lock:owner:k');
    await expect(lock.renew()).rejects.toMatchObject(LOST);
    expect(lock.signal.aborted).toBe(true);
    const released = await acquireLock(cache, 'k', options);
    await released.release();
    await expect(released.renew()).rejects.toMatchObject({ ...LOST, message: 'The lock was released.' });
  });

  test('survives renewals that fail as long as one is confirmed in time', async () => {
    const { cache: memory, options, time } = setUp();
    const { cache, fail } = faulty(memory);
    const lock = await acquireLock(cache, 'k', options);
    fail.add('setTtlIfEquals');
    await time.advance(LEASE_MS * 0.8);
    fail.clear();
    await time.advance(LEASE_MS);
    expect(lock.isHeld).toBe(true);
    expect(memory.getTtl('lock:owner:k')).toBeGreaterThan((LEASE_MS / 1000) * 0.6);
    await lock.release();
  });

  test.each(['fail', 'hang'] as const)('is lost before its lease ends when all renewals %s', async (how) => {
    const { cache: memory, options, time } = setUp();
    const faults = faulty(memory);
    const lock = await acquireLock(faults.cache, 'k', options);
    faults[how].add('setTtlIfEquals');
    await time.advance(LEASE_MS * 0.9 - 1);
    expect(lock.signal.aborted).toBe(false);
    const aborted = new Promise((resolve) => lock.signal.addEventListener('abort', resolve));
    await time.advance(1);
    await aborted;
    expect(lock.signal.reason).toMatchObject(LOST);
    expect(memory.exists('lock:owner:k')).toBe(true);
    expect(time.pending).toBe(0);
  });

  test('stays lost when a renewal is confirmed too late', async () => {
    const { cache: memory, options, time } = setUp();
    const lock = await acquireLock(memory, 'k', options);
    const renewing = lock.renew();
    time.skip(LEASE_MS);
    await expect(renewing).rejects.toMatchObject(LOST);
    expect(lock.isHeld).toBe(false);
  });

  test('counts a renewal from when it was asked for, however late the answer comes', async () => {
    const { cache: memory, options, time } = setUp();
    const { cache, answer } = answeringLate(memory);
    const lock = await acquireLock(cache, 'k', options);
    const renewing = lock.renew();
    await time.advance(LEASE_MS * 0.8);
    answer();
    await renewing;
    await time.advance(LEASE_MS * 0.1 - 1);
    expect(lock.isHeld).toBe(true);
    await time.advance(1);
    expect(lock.isHeld).toBe(false);
  });

  test('is not renewed any more by an answer that comes after its release', async () => {
    const { cache: memory, options, time } = setUp();
    const { cache, answer } = answeringLate(memory);
    const lock = await acquireLock(cache, 'k', options);
    const renewing = expect(lock.renew()).rejects.toMatchObject(LOST);
    await lock.release();
    answer();
    await renewing;
    expect(time.pending).toBe(0);
    expect(lock.signal.aborted).toBe(false);
  });

  test('row 52: one that was frozen beyond its lease finds it lost before it does anything', async () => {
    const { cache, options, time } = setUp();
    const first = await acquireLock(cache, 'k', options);
    time.skip(LEASE_MS + 1); // No timer of this process fires, as after SIGSTOP and SIGCONT.
    const second = await acquireLock(cache, 'k', options);
    expect(first.signal.aborted).toBe(true);
    expect(() => first.signal.throwIfAborted()).toThrow(expect.objectContaining(LOST));
    expect(first.signal.reason).toMatchObject(LOST);
    expect(first.isHeld).toBe(false);
    expect(await first.release()).toBe(false);
    expect(second.isHeld).toBe(true);
    expect(second.fencingNumber).toBeGreaterThan(first.fencingNumber);
    expect(await second.release()).toBe(true);
  });

  test('has a signal for whatever takes one: timers, derived signals, fetch', async () => {
    const { cache, options, time } = setUp();
    const lock = await acquireLock(cache, 'k', options);
    const { signal } = lock;
    expect(signal).toBeInstanceOf(AbortSignal);
    const derived = AbortSignal.any([signal]);
    const sleeping = expect(sleep(60_000, undefined, { signal })).rejects.toMatchObject({ cause: LOST });
    const neverAnswers = createServer().listen(0);
    const { port } = neverAnswers.address() as AddressInfo;
    const fetching = expect(fetch(`http://127.0.0.1:${port}/`, { signal })).rejects.toMatchObject(LOST);
    cache.removeItem('lock:owner:k');
    await time.advance(LEASE_MS / 3);
    expect(derived.aborted).toBe(true);
    expect(derived.reason).toMatchObject(LOST);
    await Promise.all([sleeping, fetching]);
    await expect(fetch(`http://127.0.0.1:${port}/`, { signal })).rejects.toMatchObject(LOST);
    neverAnswers.closeAllConnections();
    neverAnswers.close();
  });

  test('control: a lock that looks before it takes and removes what is there has two owners, and frees another’s', async () => {
    const { cache: memory, time } = setUp();
    const cache = toAsync(memory);
    const both = await Promise.all([naiveLock(cache, 'k', 9), naiveLock(cache, 'k', 9)]);
    expect(both.filter((lock) => lock !== undefined)).toHaveLength(2);
    const first = both[0];
    time.skip(LEASE_MS + 1);
    expect(await naiveLock(cache, 'k', 9)).toBeDefined();
    await first?.release();
    expect(await naiveLock(cache, 'k', 9)).toBeDefined();
  });

  test('is released at the end of its scope, however that ends, and a server that fails harms nobody there', async () => {
    const { cache: memory, options } = setUp();
    const { cache, fail } = faulty(memory);
    const scope = async (): Promise<void> => {
      await using lock = await acquireLock(cache, 'k', options);
      expect(lock.isHeld).toBe(true);
      throw new Error('the work’s own');
    };
    await expect(scope()).rejects.toThrow('the work’s own');
    expect(memory.exists('lock:owner:k')).toBe(false);
    fail.add('removeIfEquals');
    await expect(scope()).rejects.toThrow('the work’s own');
    expect(memory.exists('lock:owner:k')).toBe(true);
  });

  test('rejects a release that the server did not answer, and may be released again', async () => {
    const { cache: memory, options, time } = setUp();
    const { cache, fail } = faulty(memory);
    const lock = await acquireLock(cache, 'k', options);
    fail.add('removeIfEquals');
    await expect(lock.release()).rejects.toThrow('The server fails.');
    expect(time.pending).toBe(0);
    fail.clear();
    expect(await lock.release()).toBe(true);
    expect(memory.exists('lock:owner:k')).toBe(false);
  });

  test('is given back when its fencing number cannot be drawn', async () => {
    const { cache: memory, options, time } = setUp();
    const { cache, fail } = faulty(memory);
    fail.add('increment');
    await expect(acquireLock(cache, 'k', options)).rejects.toThrow('The server fails.');
    await time.advance(0);
    expect(memory.exists('lock:owner:k')).toBe(false);
  });

  test('is not handed over when the process was frozen while it took it', async () => {
    const { cache: memory, options, time } = setUp();
    const slow = toAsync(memory);
    const cache: AtomicCache = {
      ...slow,
      increment: async (...args) => {
        time.skip(LEASE_MS);
        return slow.increment(...args);
      },
    };
    await expect(acquireLock(cache, 'k', options)).rejects.toMatchObject(LOST);
    expect((await acquireLock(memory, 'k', options)).fencingNumber).toBe(2);
    await time.advance(0);
  });
});

describe('waiting for a lock', () => {
  test('takes it soon after it was released', async () => {
    const { cache, options, time } = setUp();
    const lock = await acquireLock(cache, 'k', options);
    let taken = false;
    const waiting = acquireLock(cache, 'k', { ...options, waitTimeoutMs: 60_000, random: () => 0.99 }).then((next) => {
      taken = true;
      return next;
    });
    await time.advance(20_000);
    expect(taken).toBe(false);
    await lock.release();
    await time.advance(500);
    expect(taken).toBe(true);
    expect((await waiting).fencingNumber).toBeGreaterThan(lock.fencingNumber);
  });

  test('takes it when its holder has died', async () => {
    const { cache, options, time } = setUp();
    cache.setWithNx('lock:owner:k', 'a holder that died', LEASE_MS / 1000);
    const waiting = acquireLock(cache, 'k', { ...options, waitTimeoutMs: 60_000 });
    await time.advance(LEASE_MS + 501);
    expect((await waiting).isHeld).toBe(true);
  });

  test('ends with CacheLockHeldError when the time is over, after a last attempt', async () => {
    const { cache, options, time } = setUp();
    const lock = await acquireLock(cache, 'k', options);
    const failed = expect(acquireLock(cache, 'k', { ...options, waitTimeoutMs: 1_000 })).rejects.toMatchObject(HELD);
    await time.advance(999);
    expect(time.pending).toBeGreaterThan(0);
    await time.advance(1);
    await failed;
    await lock.release();
    expect(time.pending).toBe(0);
  });

  test('ends with the signal’s reason, at once, and takes nothing', async () => {
    const { cache: memory, options, time } = setUp();
    const { cache, hang } = faulty(memory);
    const lock = await acquireLock(memory, 'k', options);
    const waiting = new AbortController();
    const aborted = acquireLock(cache, 'k', { ...options, waitTimeoutMs: 60_000, signal: waiting.signal });
    await time.advance(1_000);
    waiting.abort(new Error('enough'));
    await expect(aborted).rejects.toThrow('enough');
    await lock.release();
    expect(time.pending).toBe(0);

    const asking = new AbortController();
    hang.add('setWithNx');
    const hanging = acquireLock(cache, 'k', { ...options, signal: asking.signal });
    asking.abort(new Error('enough'));
    await expect(hanging).rejects.toThrow('enough');
    await expect(acquireLock(cache, 'k', { ...options, signal: asking.signal })).rejects.toThrow('enough');
  });

  test('leaves no listener on the signal, which may outlive many waits', async () => {
    const { cache: memory, options, time } = setUp();
    const { signal } = new AbortController();
    const lock = await acquireLock(toAsync(memory), 'k', { ...options, signal });
    const waiting = acquireLock(toAsync(memory), 'k', { ...options, waitTimeoutMs: 60_000, signal });
    await time.advance(10_000);
    expect(getEventListeners(signal, 'abort').length).toBeLessThanOrEqual(1);
    await lock.release();
    await time.advance(1_000);
    await waiting;
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  test('gives back what it took while it was being aborted', async () => {
    const { cache: memory, options, time } = setUp();
    const controller = new AbortController();
    const aborted = acquireLock(toAsync(memory), 'k', { ...options, signal: controller.signal });
    controller.abort(new Error('enough'));
    await expect(aborted).rejects.toThrow('enough');
    await time.advance(0);
    expect(memory.exists('lock:owner:k')).toBe(false);
    expect(time.pending).toBe(0);
  });

  test('spreads its attempts over a bound that doubles up to the longest pause: full jitter', async () => {
    const { cache: memory, options, time } = setUp();
    const { cache, calls } = faulty(memory);
    await acquireLock(memory, 'k', options);
    const half = { waitTimeoutMs: 600, maxRetryDelayMs: 100, random: () => 0.5 };
    const waiting = acquireLock(cache, 'k', { ...options, ...half });
    const ended = expect(waiting).rejects.toMatchObject(HELD);
    const times: number[] = [];
    for (let ms = 0; ms <= 600; ms += 5) {
      if (calls.length > times.length) times.push(ms);
      await time.advance(5);
    }
    await ended;
    // Half of 20, 40, 80, 100, 100 … ms, seen every 5 ms.
    const pauses = times.slice(1).map((ms, index) => ms - (times[index] ?? 0));
    expect(pauses.slice(0, 3)).toEqual([10, 20, 40]);
    expect(new Set(pauses.slice(3, -1))).toEqual(new Set([50]));
  });

  test('refuses options that are wrong, and keys that are none, before anything is asked of the cache', async () => {
    const { cache: memory, options } = setUp();
    const { cache, calls } = faulty(memory);
    const wrong: unknown[] = [
      { leaseInSeconds: 0 },
      { leaseInSeconds: Number.NaN },
      { leaseInSeconds: Number.POSITIVE_INFINITY },
      { leaseInSeconds: null },
      { waitTimeoutMs: -1 },
      { waitTimeoutMs: '5' },
      { maxRetryDelayMs: 0 },
      { maxRetryDelayMs: Number.POSITIVE_INFINITY },
      { fenceExpirationInSeconds: 0 },
      { timers: {} },
      { timers: null },
      { random: 0.5 },
      { signal: {} },
      { signal: null },
    ];
    for (const option of wrong) {
      const refused = acquireLock(cache, 'k', { ...options, ...(option as LockOptions) });
      await expect(refused).rejects.toMatchObject({ code: 'ERR_CACHE_OPTION' });
    }
    for (const noOptions of [null, 10, 'report'] as unknown as LockOptions[]) {
      const refused = acquireLock(cache, 'k', noOptions);
      await expect(refused).rejects.toMatchObject({
        code: 'ERR_CACHE_OPTION',
        message: expect.stringContaining('LockOptions'),
      });
    }
    for (const key of ['', 'a\0b', '\ud800']) {
      await expect(acquireLock(cache, key, options)).rejects.toMatchObject({ code: 'ERR_CACHE_KEY' });
    }
    await expect(acquireLock(cache, 'k'.repeat(1_024), options)).rejects.toMatchObject({ code: 'ERR_CACHE_KEY' });
    expect(calls.filter((call) => call === 'increment')).toEqual([]);
    expect(memory.itemsCount).toBe(0);
  });
});

test.each<[cache: string, without: unknown]>([
  ['none', undefined],
  ['null', null],
  ['a client', { set: () => 'OK' }],
  ['a cache without setWithNx()', { increment: () => 1, removeIfEquals: () => true, setTtlIfEquals: () => true }],
])('instead of a cache, %s is refused with what is missing', async (_, cache) => {
  const refusal = { code: 'ERR_CACHE_OPTION', message: expect.stringContaining('has no setWithNx()') };
  await expect(acquireLock(cache as never, 'k')).rejects.toMatchObject(refusal);
  await expect(withLock(cache as never, 'k', () => {})).rejects.toMatchObject(refusal);
});

describe('withLock', () => {
  test.each([[undefined], [null], [{}]])('refuses %j instead of work, and takes no lock', async (work) => {
    const { cache: memory, options } = setUp();
    const { cache, calls } = faulty(memory);
    await expect(withLock(cache, 'k', work as never, options)).rejects.toMatchObject({
      code: 'ERR_CACHE_OPTION',
      message: expect.stringContaining('withLock(cache, key, async'),
    });
    expect(calls).toEqual([]);
  });

  test('gives the work signal and fencing number, answers what it answers, and gives the lock back', async () => {
    const { cache, options } = setUp();
    const answer = await withLock(
      cache,
      'k',
      ({ signal, fencingNumber }) => {
        expect(cache.exists('lock:owner:k')).toBe(true);
        return { aborted: signal.aborted, fencingNumber };
      },
      options,
    );
    expect(answer).toEqual({ aborted: false, fencingNumber: 1 });
    expect(cache.exists('lock:owner:k')).toBe(false);
  });

  test('rejects with what the work throws, unchanged, and gives the lock back', async () => {
    const { cache, options } = setUp();
    const own = new Error('its own');
    const throwing = (): never => {
      throw own;
    };
    await expect(withLock(cache, 'k', throwing, options)).rejects.toBe(own);
    expect(cache.exists('lock:owner:k')).toBe(false);
  });

  test('does not begin the work without the lock', async () => {
    const { cache, options } = setUp();
    await acquireLock(cache, 'k', options);
    const work = jest.fn<() => void>();
    await expect(withLock(cache, 'k', work, options)).rejects.toMatchObject(HELD);
    expect(work).not.toHaveBeenCalled();
  });

  test('rejects with CacheLockLostError when the lock was lost before the end of the work', async () => {
    const { cache, options, time } = setUp();
    const frozen = withLock(cache, 'k', () => time.skip(LEASE_MS), options);
    await expect(frozen).rejects.toMatchObject(LOST);
    const cleared = withLock(cache, 'k', () => cache.clear(), options);
    await expect(cleared).rejects.toMatchObject(LOST);
    await withLock(cache, 'k', () => {}, options);
  });

  test('answers what was done under the lock although the server fails afterwards', async () => {
    const { cache: memory, options, time } = setUp();
    const { cache, fail } = faulty(memory);
    fail.add('removeIfEquals');
    expect(await withLock(cache, 'k', () => 'done', options)).toBe('done');
    await expect(withLock(memory, 'k', () => 'done', options)).rejects.toMatchObject(HELD);
    time.skip(LEASE_MS);
    fail.add('setTtlIfEquals');
    const late = withLock(cache, 'k', () => time.advance(LEASE_MS), options);
    await expect(late).rejects.toMatchObject(LOST);
  });

  test('lets at most one work at a time, whatever the order', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(300), { minLength: 2, maxLength: 8 }), async (durations) => {
        const { cache, options, time } = setUp();
        let inside = 0;
        let most = 0;
        const work = async (ms: number): Promise<void> => {
          inside += 1;
          most = Math.max(most, inside);
          await new Promise<void>((resolve) => time.after(ms, resolve));
          inside -= 1;
        };
        const waiting = { ...options, waitTimeoutMs: Number.POSITIVE_INFINITY, maxRetryDelayMs: 50 };
        const all = Promise.all(durations.map((ms) => withLock(cache, 'k', () => work(ms), waiting)));
        await time.advance(60_000);
        await all;
        expect(most).toBe(1);
      }),
      { numRuns: 50 },
    );
  });
});
