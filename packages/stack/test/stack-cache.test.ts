import { AsyncLocalStorage } from 'node:async_hooks';
import { type CacheKeyEvent, type CacheOperationEvent, CacheStatistics, toAsync } from '@cache/core';
import { InMemoryCache } from '@cache/memory';
import { createCache, type LoadOptions, type StackOptions, type Timers } from '@cache/stack';
import { describe, expect, it } from '@jest/globals';
import { World } from './processes.ts';

const optionError = expect.objectContaining({ code: 'ERR_CACHE_OPTION' });

describe('createCache', () => {
  it('refuses options that do not fit together', () => {
    const world = new World();
    const bus = world.connect();
    for (const options of [
      {},
      { l1: world.near(), bus },
      { l2: world.shared, bus },
      { l1: world.near(), maxL1StalenessInSeconds: 0 },
      { l1: world.near(), maxL1ExpirationInSeconds: Number.NaN },
      { l1: world.near(), defaults: { jitter: 2 } },
    ] satisfies StackOptions[]) {
      expect(() => createCache(options)).toThrow(optionError);
    }
  });

  it('takes memory alone', async () => {
    const cache = createCache({ l1: new InMemoryCache() });
    expect(await cache.getOrSet('k', () => 'value')).toBe('value');
    expect(await cache.getOrSetEntry('k', () => 'no')).toMatchObject({ value: 'value', source: 'l1' });
    expect(await cache.getTtl('k')).toBeGreaterThan(299);
  });
});

describe('the options of getOrSet', () => {
  it.each<LoadOptions>([
    { expirationInSeconds: 0 },
    { expirationInSeconds: Number.NaN },
    { staleInSeconds: -1 },
    { staleInSeconds: Number.POSITIVE_INFINITY },
    { softTimeoutMs: Number.NaN },
    { loadTimeoutMs: 0 },
    { lockTimeoutMs: -1 },
    { leaseInSeconds: 0 },
    { earlyExpiration: -1 },
    { absentExpirationInSeconds: 0 },
    { errorBackoffMs: Number.POSITIVE_INFINITY },
    { jitter: 1.1 },
    { tags: [''] },
    { tags: 'users' as unknown as string[] },
  ])('are refused before anything is loaded: %j', async (options) => {
    const cache = new World().process();
    await expect(cache.getOrSet('k', () => 'value', options)).rejects.toEqual(optionError);
    await expect(cache.getOrSetMany(['k'], () => new Map(), options)).rejects.toEqual(optionError);
    expect(cache.statistics.loads).toBe(0);
  });

  it('may be a bare lifetime, as those of set', async () => {
    const cache = new World().process();
    await cache.getOrSet('k', () => 'value', 10);
    await cache.getOrSet('forever', () => 'value', null);
    expect(await cache.getTtl('k')).toBe(10);
    expect(await cache.getTtl('forever')).toBe(null);
    await expect(cache.getOrSet('m', () => 1, '5m' as never)).rejects.toEqual(optionError);
    await expect(cache.getOrSet('m', 'no loader' as never)).rejects.toEqual(optionError);
  });

  it('set to undefined are the defaults', async () => {
    const cache = new World().process({ defaults: { expirationInSeconds: 20 } });
    await cache.getOrSet('k', () => 'value', { expirationInSeconds: undefined } as unknown as LoadOptions);
    expect(await cache.getTtl('k')).toBe(20);
  });
});

describe('hooks', () => {
  it('are told of hits, misses and loads by key as it was given, and of each call once', async () => {
    const world = new World();
    const statistics = new CacheStatistics();
    const operations: string[] = [];
    const cache = world.process({
      keyTransformer: (key) => `t:${key}`,
      hooks: [statistics, { onOperation: ({ operation, outcome }) => operations.push(`${operation} ${outcome}`) }],
    });
    await cache.getOrSet('k', () => 'value');
    await cache.getOrSet('k', () => 'no');
    await cache.get('k');
    await cache.getOrSetMany(['k', 'm'], () => new Map([['m', 1]]));
    await expect(cache.getOrSet('x', () => Promise.reject(new Error('down')))).rejects.toThrow('down');
    expect(statistics.snapshot()).toMatchObject([
      { cache: 'stack', hits: 3, misses: 2, loads: 3, failedLoads: 1, errors: 0 },
    ]);
    expect(operations).toEqual(['getOrSet miss', 'getOrSet hit', 'get hit', 'getOrSetMany done', 'getOrSet error']);
  });

  it('hear which level answered, as the statistics count it', async () => {
    const near = new InMemoryCache();
    const statistics = new CacheStatistics();
    const ends: unknown[] = [];
    const cache = createCache({
      l1: near,
      l2: toAsync(new InMemoryCache()),
      hooks: [
        statistics,
        { onOperation: ({ operation, outcome, level }) => ends.push([operation, outcome, level].join(' ')) },
      ],
    });
    await cache.getOrSet('k', () => 'value');
    await cache.getOrSet('k', () => 'no');
    near.clear();
    await cache.getOrSet('k', () => 'no');
    near.clear();
    await cache.get('k');
    await cache.get('k');
    near.clear();
    expect(await cache.mget(['k', 'k', 'nobody'])).toEqual(['value', 'value', undefined]);
    expect(ends).toEqual([
      'getOrSet miss ',
      'getOrSet hit l1',
      'getOrSet hit l2',
      'get hit l2',
      'get hit l1',
      'mget done ',
    ]);
    const { l1Hits, l2Hits } = cache.statistics;
    expect(statistics.snapshot()).toMatchObject([{ hits: 6, misses: 2, hitsByLevel: { l1: l1Hits, l2: l2Hits } }]);
    expect(l1Hits + l2Hits).toBe(6);
  });

  it('of the first level hear of each read once, hit or miss, whether the stack is watched itself or not', async () => {
    for (const own of [undefined, { onOperation: () => {} }]) {
      const statistics = new CacheStatistics();
      const near = new InMemoryCache({ hooks: statistics });
      const cache = createCache({ l1: near, l2: toAsync(new InMemoryCache()), ...(own && { hooks: own }) });
      await cache.getOrSet('k', () => 'value');
      await cache.getOrSet('k', () => 'no');
      await cache.getOrSetEntry('k', () => 'no');
      await cache.getOrSetEntry('e', () => 'value');
      await cache.get('k');
      await cache.get('nobody');
      await cache.mget(['k', 'nobody']);
      expect(statistics.snapshot()).toMatchObject([{ hits: 4, misses: 4, hitRatio: 0.5 }]);
      await cache.close();
    }
  });

  it('hear of a hit in the first level before its caller goes on, in the caller’s async context and with its duration', async () => {
    const request = new AsyncLocalStorage<string>();
    const told: unknown[] = [];
    const note = (event: CacheKeyEvent | CacheOperationEvent): void => {
      told.push({ ...event, request: request.getStore() });
    };
    let nowMs = 0;
    const timers: Timers = { now: () => nowMs, after: () => () => {} };
    const lookUpTakes3Ms = (): void => {
      nowMs += 3;
    };
    const near = new InMemoryCache({ hooks: { onHit: lookUpTakes3Ms } });
    const cache = createCache({
      l1: near,
      l2: toAsync(new InMemoryCache()),
      timers,
      hooks: { onHit: note, onOperation: note },
    });
    near.set('k', 'value');
    const answer = request.run('r', () => cache.get('k'));
    const hit = { cache: 'stack', backend: 'stack', operation: 'get', durationMs: 3, level: 'l1', request: 'r' };
    expect(told).toEqual([
      { ...hit, key: 'k' },
      { ...hit, outcome: 'hit' },
    ]);
    expect(await answer).toBe('value');
  });

  it('take a caller’s own abort for no failure of the cache', async () => {
    const errors: unknown[] = [];
    const cache = new World().process({ hooks: { onError: (event) => errors.push(event) } });
    await expect(cache.getOrSet('k', () => 1, { signal: AbortSignal.abort() })).rejects.toThrow('aborted');
    expect(errors).toEqual([]);
    await expect(cache.getOrSet('', () => 1)).rejects.toMatchObject({ code: 'ERR_CACHE_KEY' });
    expect(errors).toHaveLength(1);
  });
});

describe('types', () => {
  it('of values come from the loader, the cache or the call', async () => {
    const cache = createCache({ l1: new InMemoryCache() });
    const loaded: { name: string } | undefined = await cache.getOrSet('user', () => ({ name: 'Ada' }));
    const read: number | undefined = await cache.get<number>('count');
    expect([loaded?.name, read]).toEqual(['Ada', undefined]);
    // @ts-expect-error null is no value
    await expect(cache.set('k', null)).rejects.toMatchObject({ code: 'ERR_CACHE_VALUE' });
    const numbers = createCache<number>({ l1: new InMemoryCache<number>() });
    // @ts-expect-error a string is no number
    await numbers.set('k', 'text');
    // @ts-expect-error neither is what a loader gives
    await numbers.getOrSet('m', () => 'text');
    const value: number | undefined = await numbers.getOrSet('n', async () => (Math.random() > 2 ? null : 5));
    expect(value).toBe(5);
  });
});
