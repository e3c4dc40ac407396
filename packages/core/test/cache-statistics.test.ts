import { CacheKeyError, CacheStatistics, createHookDispatcher, type HookDispatcher } from '@cache/core';
import { describe, expect, jest, test } from '@jest/globals';

const users = { cache: 'users', backend: 'memory' };

function told(statistics: CacheStatistics, source = users): HookDispatcher {
  const hooks = createHookDispatcher(statistics, source);
  if (hooks === undefined) throw new Error('Statistics are hooks.');
  return hooks;
}

describe('CacheStatistics', () => {
  test('need no async context, so that a cache may tell them of many calls together', () => {
    expect(told(new CacheStatistics()).usesAsyncContext).toBe(false);
  });

  test('count everything that hooks are told', () => {
    const statistics = new CacheStatistics();
    const hooks = told(statistics);
    hooks.hit('get', 'a', 1, 10);
    hooks.hit('get', 'a', 1);
    hooks.hit('get', 'b', 1, 5);
    hooks.miss('get', 'c', 1);
    hooks.set('set', 'c', 1, 20);
    hooks.set('set', 'd', 1);
    hooks.remove('removeItem', 'c', 1);
    hooks.evict('a', 'bytes');
    hooks.expire('b');
    hooks.load('c', 'done', 3);
    hooks.load('c', 'error', 5);
    hooks.error('get', new CacheKeyError('A key is not empty.'), 1);
    hooks.operation('get', 'hit', 2);
    hooks.operation('get', 'miss', 4);
    expect(statistics.snapshot()).toEqual([
      {
        ...users,
        hits: 3,
        misses: 1,
        sets: 2,
        removals: 1,
        evictions: 1,
        expirations: 1,
        errors: 1,
        loads: 2,
        failedLoads: 1,
        payloadBytes: 35,
        hitRatio: 0.75,
        latencies: {
          load: { count: 2, meanMs: 4, p50Ms: expect.closeTo(3, 0), p99Ms: 5, maxMs: 5 },
          get: { count: 2, meanMs: 3, p50Ms: expect.closeTo(2, 0), p99Ms: 4, maxMs: 4 },
        },
      },
    ]);
  });

  test('are the same of reads that are told of one by one and together', () => {
    const source = { cache: 'users', backend: 'redis', operation: 'get' } as const;
    const [each, together] = [new CacheStatistics(), new CacheStatistics()];
    for (const key of ['a', 'b']) {
      each.onHit({ ...source, key, durationMs: 3, payloadBytes: 10 });
      each.onOperation({ ...source, outcome: 'hit', durationMs: 3 });
    }
    each.onMiss({ ...source, key: 'c', durationMs: 3 });
    each.onOperation({ ...source, outcome: 'miss', durationMs: 3 });
    together.onReads({ ...source, hits: 2, misses: 1, durationMs: 3, payloadBytes: () => 20 });
    expect(together.snapshot()).toEqual(each.snapshot());
    expect(together.snapshot()[0]).toMatchObject({ hits: 2, misses: 1, latencies: { get: { count: 3, meanMs: 3 } } });
  });

  test('keep caches apart by name and by kind, in the order in which they were heard of', () => {
    const statistics = new CacheStatistics();
    told(statistics, { cache: 'b', backend: 'redis' }).expire('k');
    told(statistics, { cache: 'a', backend: 'redis' }).expire('k');
    told(statistics, { cache: 'b', backend: 'memory' }).expire('k');
    told(statistics, { cache: 'b', backend: 'redis' }).expire('k');
    expect(statistics.snapshot().map(({ cache, backend, expirations }) => [cache, backend, expirations])).toEqual([
      ['b', 'redis', 2],
      ['a', 'redis', 1],
      ['b', 'memory', 1],
    ]);
  });

  test('know no hit ratio before the first read', () => {
    const statistics = new CacheStatistics();
    told(statistics).set('set', 'k', 1);
    expect(statistics.snapshot()[0]?.hitRatio).toBeUndefined();
    expect(new CacheStatistics().snapshot()).toEqual([]);
  });

  test('ask a watched cache what it holds at each snapshot, and go on watching after a reset', () => {
    const statistics = new CacheStatistics();
    let itemsCount = 1;
    statistics.watch(users, () => ({ itemsCount, bytes: itemsCount * 100 }));
    told(statistics).hit('get', 'k', 1);
    told(statistics).operation('get', 'hit', 1);
    expect(statistics.snapshot()[0]).toMatchObject({ itemsCount: 1, bytes: 100, hits: 1 });
    itemsCount = 2;
    statistics.reset();
    expect(statistics.snapshot()[0]).toMatchObject({ itemsCount: 2, bytes: 200, hits: 0, latencies: {} });
  });

  test('read the sizes of a cache whose sizes are getters', () => {
    const statistics = new CacheStatistics();
    class Cache {
      get itemsCount(): number {
        return 3;
      }
      get bytes(): number | undefined {
        return undefined;
      }
    }
    const cache = new Cache();
    statistics.watch(users, () => cache);
    expect(statistics.snapshot()[0]).toMatchObject({ itemsCount: 3, bytes: undefined });
    expect(String(statistics)).toContain('3 items');
  });

  test('leave the sizes of a cache out that cannot be asked, and say so once', () => {
    const emitWarning = jest.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const statistics = new CacheStatistics();
    statistics.watch(users, () => {
      throw new RangeError('an inner matter');
    });
    told(statistics).hit('get', 'k', 1);
    for (let times = 0; times < 2; times += 1)
      expect(statistics.snapshot()[0]).toMatchObject({ hits: 1, itemsCount: undefined, bytes: undefined });
    expect(emitWarning.mock.calls).toEqual([
      [
        'The contents of cache "users" could not be read (RangeError); its sizes are left out.',
        { code: 'CACHE_CONTENTS_FAILED' },
      ],
    ]);
    emitWarning.mockRestore();
  });

  test('refuse to watch a cache itself instead of a function that gives it', () => {
    const wrong = { itemsCount: 1 } as never;
    expect(() => new CacheStatistics().watch(users, wrong)).toThrow(
      expect.objectContaining({ code: 'ERR_CACHE_OPTION', message: expect.stringContaining('() => cache') }),
    );
  });

  test.each([[undefined], [null], ['users'], [{ cache: 'users' }]])(
    'refuse to watch %j for the name and kind of a cache',
    (source) => {
      expect(() => new CacheStatistics().watch(source as never, () => ({}))).toThrow(
        expect.objectContaining({ code: 'ERR_CACHE_OPTION', message: expect.stringContaining("{ cache: 'users'") }),
      );
    },
  );

  test('tell the levels of a stack apart, and forget them with a reset', () => {
    const statistics = new CacheStatistics();
    const hooks = told(statistics, { cache: 'users', backend: 'stack' });
    hooks.miss('getOrSet', 'a', 1);
    expect(statistics.snapshot()[0]?.hitsByLevel).toBeUndefined();
    hooks.hit('getOrSet', 'a', 1, undefined, 'l1');
    hooks.hit('getOrSet', 'a', 1, undefined, 'l1');
    hooks.hit('getOrSet', 'b', 1, undefined, 'l2');
    expect(statistics.snapshot()[0]).toMatchObject({ hits: 3, hitRatio: 0.75, hitsByLevel: { l1: 2, l2: 1 } });
    expect(String(statistics)).toContain(
      'users (stack) · hit ratio 75.0 % (3 of 4) · of all reads l1 50.0 %, l2 25.0 %\n',
    );
    statistics.reset();
    expect(statistics.snapshot()[0]).toMatchObject({ hits: 0, hitsByLevel: undefined });
  });

  test('hand their histograms to exporters', () => {
    const statistics = new CacheStatistics();
    expect(statistics.latencies(users, 'get')).toBeUndefined();
    told(statistics).operation('get', 'hit', 2);
    expect(statistics.latencies(users, 'get')?.count).toBe(1);
    expect(statistics.latencies(users, 'set')).toBeUndefined();
  });
});

describe('the table', () => {
  test('says that nothing was used yet', () => {
    expect(String(new CacheStatistics())).toBe('No cache has been used yet.');
  });

  test('shows each cache with its hit ratio, its contents, its counts and its latencies in columns', () => {
    const statistics = new CacheStatistics();
    const hooks = told(statistics);
    statistics.watch(users, () => ({ itemsCount: 12, bytes: 3400 }));
    for (let count = 0; count < 3; count += 1) hooks.hit('get', 'k', 1);
    hooks.miss('get', 'k', 1);
    hooks.operation('get', 'hit', 0.5);
    hooks.operation('removeItem', 'done', 1234.5);
    told(statistics, { cache: 'sessions', backend: 'redis' }).set('set', 'k', 1);
    expect(String(statistics)).toBe(
      [
        'users (memory) · hit ratio 75.0 % (3 of 4) · 12 items · 3400 bytes',
        '  sets 0 · removals 0 · evictions 0 · expirations 0 · loads 0 · errors 0',
        '  operation   calls   mean ms    p50 ms    p99 ms    max ms',
        '  get             1     0.500     0.500     0.500     0.500',
        '  removeItem      1  1234.500  1234.500  1234.500  1234.500',
        '',
        'sessions (redis) · no reads',
        '  sets 1 · removals 0 · evictions 0 · expirations 0 · loads 0 · errors 0',
      ].join('\n'),
    );
  });
});
