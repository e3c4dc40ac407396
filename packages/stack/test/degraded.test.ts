import { failingCache, hangingCache } from '@cache/conformance';
import type { AsyncCache } from '@cache/core';
import { createCache, type SharedCache } from '@cache/stack';
import { describe, expect, it, jest } from '@jest/globals';
import { fiveMethodCache } from './five-method-cache.ts';
import { deferred, World } from './processes.ts';

type Call = NonNullable<Parameters<typeof failingCache>[1]>['calls'];

function failing(world: World, calls: Call, when: 'before' | 'after' = 'before'): SharedCache {
  return failingCache(world.shared as AsyncCache, { when, ...(calls !== undefined && { calls }) }) as SharedCache;
}

describe('a shared level that fails', () => {
  it.each([
    ['reading', ['getEntries', 'getOrLease'], 'before'],
    ['leasing', ['getOrLease'], 'before'],
    ['leasing, and the lease was granted', ['getOrLease'], 'after'],
    ['filling', ['fill'], 'before'],
    ['filling, and the value was stored', ['fill'], 'after'],
    ['everything', undefined, 'before'],
  ] as const)('while %s: the loader answers, and onError hears of it', async (_, calls, when) => {
    const world = new World();
    const codes: string[] = [];
    const l2 = failing(world, calls as Call, when);
    const cache = world.process({ l2, hooks: { onError: ({ error }) => codes.push(error.code) } });
    expect(await cache.getOrSet('k', () => 'value')).toBe('value');
    expect(codes).toContain('ERR_CACHE_UNAVAILABLE');
    expect(world.timers.pending).toBe(0);
  });

  it('keeps nothing near that it did not say it stored', async () => {
    const world = new World();
    const cache = world.process({ l2: failing(world, ['fill'], 'before'), hooks: { onError: () => {} } });
    await cache.getOrSet('k', () => 'first');
    expect(await cache.getOrSet('k', () => 'second')).toBe('second');
  });

  it('while renewing and releasing costs nobody anything', async () => {
    const world = new World();
    const l2 = failing(world, ['renew', 'release']);
    const cache = world.process({ l2, hooks: { onError: () => {} } });
    const source = deferred<string>();
    const answer = cache.getOrSet('k', () => source.promise, { leaseInSeconds: 3 });
    await world.timers.advance(2_000);
    source.resolve('value');
    expect(await answer).toBe('value');
    await expect(cache.getOrSet('m', () => Promise.reject(new Error('down')))).rejects.toThrow('down');
  });

  it('is a miss to get, mget and exists, told once for many keys, and a rejection to what writes', async () => {
    const world = new World();
    let told = 0;
    const cache = world.process({
      l2: failing(world, undefined),
      hooks: {
        onError: () => {
          told += 1;
        },
      },
    });
    expect(await cache.get('k')).toBe(undefined);
    expect(await cache.mget(['a', 'b', 'c'])).toEqual([undefined, undefined, undefined]);
    expect(told).toBe(2);
    expect(await cache.exists('k')).toBe(false);
    await expect(cache.set('k', 1)).rejects.toMatchObject({ code: 'ERR_CACHE_UNAVAILABLE' });
    await expect(cache.removeItem('k')).rejects.toMatchObject({ code: 'ERR_CACHE_UNAVAILABLE' });
  });

  it('does not keep a forced load from answering, and what is stored is not asked', async () => {
    const world = new World();
    world.store.set('k', 'old');
    const cache = world.process({ l2: failing(world, ['expireItem']), hooks: { onError: () => {} } });
    expect(await cache.getOrSet('k', () => 'new', { force: true })).toBe('new');
  });

  it('keeps to one load a key in this process, and to the back-off', async () => {
    const world = new World();
    const cache = world.process({ l2: failing(world, undefined), hooks: { onError: () => {} } });
    let loads = 0;
    const load = async () => {
      loads += 1;
      throw new Error('down too');
    };
    await Promise.allSettled([1, 2, 3].map(() => cache.getOrSet('k', load)));
    await expect(cache.getOrSet('k', load)).rejects.toThrow('down too');
    expect(loads).toBe(1);
  });

  it('is warned of once a minute without an onError hook', async () => {
    const world = new World();
    const cache = world.process({ l2: failing(world, undefined), name: 'warned' });
    const emitWarning = jest.spyOn(process, 'emitWarning').mockImplementation(() => {});
    for (let call = 0; call < 5; call += 1) await cache.get('k');
    const warnings = emitWarning.mock.calls.map(([message]) => String(message));
    emitWarning.mockRestore();
    expect(warnings).toEqual([expect.stringContaining('"warned"')]);
  });
});

describe('a third party’s cache with five calls', () => {
  it('has one load a key and no value from before a write of this process', async () => {
    const cache = createCache({ l2: fiveMethodCache() });
    const source = deferred<string>();
    let loads = 0;
    const load = () => {
      loads += 1;
      return source.promise;
    };
    const asking = [cache.getOrSet('k', load), cache.getOrSet('k', load)];
    await new Promise(setImmediate);
    await cache.removeItem('k');
    source.resolve('old');
    expect(await Promise.all(asking)).toEqual(['old', 'old']);
    expect(loads).toBe(1);
    expect(await cache.get('k')).toBe(undefined);
    expect(await cache.getOrSet('k', () => 'new')).toBe('new');
    expect(await cache.get('k')).toBe('new');
  });

  it('has no tags, batches of writes, counters or leases: using them is an error that names them', async () => {
    const cache = createCache({ l2: fiveMethodCache() });
    const refused = (call: string) =>
      expect.objectContaining({ code: 'ERR_CACHE_OPTION', message: expect.stringContaining(call) });
    await expect(cache.set('k', 1, { tags: ['t'] })).rejects.toEqual(refused('invalidateTags'));
    await expect(cache.getOrSet('k', () => 1, { tags: ['t'] })).rejects.toEqual(refused('invalidateTags'));
    await expect(cache.increment('k')).rejects.toEqual(refused('increment'));
    await expect(cache.mset([['k', 1]])).rejects.toEqual(refused('mset'));
    expect(await cache.removeItems(['k'])).toBe(0);
    expect(await cache.expireItem('k')).toBe(false);
  });

  it('keeps a near copy of what does not say how long it has left for maxL1StalenessInSeconds', async () => {
    const world = new World();
    const l2 = fiveMethodCache();
    const cache = world.process({ l2 });
    await l2.set('k', 'old');
    expect(await cache.get('k')).toBe('old');
    await l2.set('k', 'new');
    await world.timers.advance(2_001);
    expect(await cache.get('k')).toBe('new');
  });
});

describe('row 61: close', () => {
  it('ends every load with a CacheClosedError, hands leases back, and leaves no timer and no listener', async () => {
    const world = new World();
    const cache = world.process();
    let signal: AbortSignal | undefined;
    const calls = [
      cache.getOrSet('loading', (context) => {
        signal = context.signal;
        return new Promise(() => {});
      }),
      cache.getOrSetMany(['a', 'b'], () => new Promise(() => {})),
    ];
    world.store.getOrLease('waiting');
    calls.push(cache.getOrSet('waiting', () => 'never called'));
    await world.timers.advance(50);
    const outcomes = Promise.allSettled(calls);
    await cache.close();
    await cache.close();
    const [loading, many, waiting] = await outcomes;
    expect(loading).toMatchObject({ status: 'rejected', reason: { code: 'ERR_CACHE_CLOSED' } });
    expect(many).toMatchObject({ status: 'fulfilled' });
    expect(waiting).toMatchObject({ status: 'rejected', reason: { code: 'ERR_CACHE_CLOSED' } });
    expect(signal?.aborted).toBe(true);
    expect(world.timers.pending).toBe(0);
    expect(world.buses[0]?.listenersCount).toBe(0);
    expect(world.store.getOrLease('loading')).toMatchObject({ state: 'missing', lease: { key: 'loading' } });
    await expect(cache.get('k')).rejects.toMatchObject({ code: 'ERR_CACHE_CLOSED' });
    await expect(cache.getOrSet('k', () => 1)).rejects.toMatchObject({ code: 'ERR_CACHE_CLOSED' });
  });

  it('hands back a lease that is granted too late to load', async () => {
    const world = new World();
    const isGranted = deferred<void>();
    const l2 = hangingCache(world.shared as AsyncCache, {
      calls: ['getOrLease'],
      until: isGranted.promise,
    }) as SharedCache;
    const cache = world.process({ l2 });
    const answer = expect(cache.getOrSet('k', () => 'never called')).rejects.toMatchObject({
      code: 'ERR_CACHE_CLOSED',
    });
    await world.timers.advance(1);
    await cache.close();
    await answer;
    isGranted.resolve();
    await world.timers.advance(1);
    expect(world.store.getOrLease('k')).toMatchObject({ lease: { key: 'k' } });
  });

  it('waits for a value that is being stored', async () => {
    const world = new World();
    const isStored = deferred<void>();
    const l2 = hangingCache(world.shared as AsyncCache, { calls: ['fill'], until: isStored.promise }) as SharedCache;
    const cache = world.process({ l2 });
    const answer = cache.getOrSet('k', () => 'value');
    await world.timers.advance(1);
    const closed = cache.close();
    isStored.resolve();
    await closed;
    expect(await answer).toBe('value');
    expect(world.store.get('k')).toBe('value');
  });

  it('closes neither the levels nor the bus', async () => {
    const world = new World();
    await using cache = world.process();
    await cache.set('k', 'value');
    await cache.close();
    expect(world.store.get('k')).toBe('value');
  });
});
