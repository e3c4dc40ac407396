import { toAsync } from '@cache/core';
import { InMemoryCache } from '@cache/memory';
import { prometheusHooks } from '@cache/prometheus';
import { RedisCache } from '@cache/redis';
import { createCache } from '@cache/stack';
import { redisUrl, uniqueName } from '@cache/test-servers';
import { describe, expect, jest, test } from '@jest/globals';
import { AggregatorRegistry, Counter, Registry } from 'prom-client';
import { type Exposition, parseExposition, samplesOf, sumOf } from './exposition.ts';
import { startScrapeServer } from './scrape-server.ts';

const optionError = expect.objectContaining({ code: 'ERR_CACHE_OPTION' });

async function parsed(register: Registry): Promise<Exposition> {
  return parseExposition(await register.metrics());
}

describe('a scrape', () => {
  test('of a stack on memory and Redis tells what each of them did, by level, operation and outcome', async () => {
    const register = new Registry();
    await using server = await startScrapeServer(register);
    const hooks = prometheusHooks({ register });
    const near = new InMemoryCache({ name: 'users', hooks, maxSize: 2 });
    const shared = await RedisCache.connect(redisUrl(), { name: 'users', prefix: `${uniqueName('prom')}:`, hooks });
    const cache = createCache({ name: 'users', l1: near, l2: shared, hooks });
    hooks.watch({ cache: 'users', backend: 'memory' }, () => near);
    try {
      await cache.getOrSet('user:1', () => 'Ada');
      await cache.getOrSet('user:1', () => 'nobody');
      near.clear();
      await cache.get('user:1');
      await cache.set('user:2', 'Grace');
      await cache.set('user:3', 'Joan');
      await cache.removeItem('user:2');
      await expect(cache.getOrSet('user:4', () => Promise.reject(new Error('down')))).rejects.toThrow('down');
      await expect(shared.get('')).rejects.toMatchObject({ code: 'ERR_CACHE_KEY' });

      const metrics = parseExposition(await server.scrape());
      const stack = { cache: 'users', backend: 'stack' };
      expect(sumOf(metrics, 'cache_reads_total', { ...stack, result: 'hit', level: 'l1' })).toBe(1);
      expect(sumOf(metrics, 'cache_reads_total', { ...stack, result: 'hit', level: 'l2' })).toBe(1);
      expect(sumOf(metrics, 'cache_reads_total', { ...stack, result: 'miss' })).toBe(1);
      const calls = { ...stack, operation: 'getOrSet' };
      expect(sumOf(metrics, 'cache_operation_duration_seconds_count', { ...calls, outcome: 'miss' })).toBe(1);
      expect(sumOf(metrics, 'cache_operation_duration_seconds_count', { ...calls, outcome: 'hit', level: 'l1' })).toBe(
        1,
      );
      expect(sumOf(metrics, 'cache_operation_duration_seconds_count', { ...calls, outcome: 'error' })).toBe(1);
      expect(sumOf(metrics, 'cache_load_duration_seconds_count', { ...stack, outcome: 'done' })).toBe(1);
      expect(sumOf(metrics, 'cache_load_duration_seconds_count', { ...stack, outcome: 'error' })).toBe(1);
      expect(sumOf(metrics, 'cache_removals_total', { ...stack })).toBe(1);
      expect(sumOf(metrics, 'cache_sets_total', { ...stack })).toBe(2);
      expect(sumOf(metrics, 'cache_evictions_total', { backend: 'memory', reason: 'size' })).toBeLessThanOrEqual(1);
      expect(sumOf(metrics, 'cache_items', { cache: 'users', backend: 'memory' })).toBe(near.itemsCount);
      expect(sumOf(metrics, 'cache_errors_total', { backend: 'redis', code: 'ERR_CACHE_KEY' })).toBe(1);
      expect(sumOf(metrics, 'cache_operation_duration_seconds_count', { backend: 'redis' })).toBeGreaterThan(3);
    } finally {
      await cache.close();
      await shared.clear();
      await shared.close();
    }
  });

  test('has buckets in seconds that add up to the count and the sum', async () => {
    const register = new Registry();
    const hooks = prometheusHooks({ register, buckets: [0.001, 0.01, 0.1] });
    for (const durationMs of [0.5, 1, 5, 50, 5_000]) {
      hooks.onOperation?.({ cache: 'users', backend: 'test', operation: 'get', outcome: 'hit', durationMs });
    }
    const metrics = await parsed(register);
    const buckets = samplesOf(metrics, 'cache_operation_duration_seconds_bucket', { cache: 'users' });
    expect(buckets.map(({ labels, value }) => [labels['le'], value])).toEqual([
      ['0.001', 2],
      ['0.01', 3],
      ['0.1', 4],
      ['+Inf', 5],
    ]);
    expect(sumOf(metrics, 'cache_operation_duration_seconds_count')).toBe(5);
    expect(sumOf(metrics, 'cache_operation_duration_seconds_sum')).toBeCloseTo(5.0565, 10);
    expect(metrics.types.get('cache_operation_duration_seconds')).toBe('histogram');
    expect(metrics.types.get('cache_reads_total')).toBe('counter');
    expect(metrics.types.get('cache_items')).toBe('gauge');
  });

  test('never has a key among its labels', async () => {
    const register = new Registry();
    const cache = new InMemoryCache({ hooks: prometheusHooks({ register }), maxSize: 10 });
    for (let id = 0; id < 1_000; id += 1) {
      cache.set(`secret-key-${id}`, id);
      cache.get(`secret-key-${id}`);
      cache.removeItem(`secret-key-${id - 5}`);
    }
    const text = await register.metrics();
    expect(text).not.toContain('secret-key');
    expect(text.split('\n').length).toBeLessThan(200);
  });

  test('counts keys of a batch one by one and their call once', async () => {
    const register = new Registry();
    const cache = new InMemoryCache({ hooks: prometheusHooks({ register }) });
    cache.mset([
      ['a', 1],
      ['b', 2],
    ]);
    cache.mget(['a', 'b', 'c']);
    const metrics = await parsed(register);
    expect(sumOf(metrics, 'cache_reads_total', { result: 'hit' })).toBe(2);
    expect(sumOf(metrics, 'cache_reads_total', { result: 'miss' })).toBe(1);
    expect(sumOf(metrics, 'cache_sets_total')).toBe(2);
    expect(sumOf(metrics, 'cache_operation_duration_seconds_count', { operation: 'mget', outcome: 'done' })).toBe(1);
  });

  test('escapes what names of caches may hold', async () => {
    const register = new Registry();
    const name = 'a "name"\\ with\nall of it';
    new InMemoryCache({ name, hooks: prometheusHooks({ register }) }).get('k');
    expect(sumOf(await parsed(register), 'cache_reads_total', { cache: name })).toBe(1);
  });

  test('in the OpenMetrics format names counters as that format wants, again and again', async () => {
    const register = new Registry<typeof Registry.OPENMETRICS_CONTENT_TYPE>();
    register.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
    const cache = new InMemoryCache({ hooks: prometheusHooks({ register }) });
    cache.get('k');
    for (let scrape = 1; scrape <= 2; scrape += 1) {
      const text = await register.metrics();
      expect(text).toContain('# TYPE cache_reads counter\n');
      expect(text).toContain('\ncache_reads_total{cache="memory",backend="memory",result="miss"} 1\n');
      expect(text.endsWith('# EOF\n')).toBe(true);
    }
  });

  test('leaves the sizes of a cache out that cannot be asked, and says so once', async () => {
    const emitWarning = jest.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const register = new Registry();
    const hooks = prometheusHooks({ register });
    hooks.watch({ cache: 'broken', backend: 'memory' }, () => {
      throw new TypeError('an inner matter');
    });
    hooks.watch({ cache: 'users', backend: 'memory' }, () => ({ itemsCount: 3 }));
    await register.metrics();
    const metrics = await parsed(register);
    expect(samplesOf(metrics, 'cache_items').map(({ labels }) => labels['cache'])).toEqual(['users']);
    expect(samplesOf(metrics, 'cache_bytes')).toEqual([]);
    const ours = emitWarning.mock.calls.map(([message]) => String(message));
    expect(ours.filter((message) => message.includes('"broken" could not be read (TypeError)'))).toHaveLength(2);
    expect(ours.join()).not.toContain('an inner matter');
    emitWarning.mockRestore();
  });
});

test('a circuit breaker is counted by what it became', async () => {
  const register = new Registry();
  const hooks = prometheusHooks({ register });
  const of = { cache: 'users', backend: 'stack', queuedInvalidations: 0 };
  hooks.onBreaker?.({ ...of, state: 'open', previousState: 'closed' });
  hooks.onBreaker?.({ ...of, state: 'halfOpen', previousState: 'open' });
  hooks.onBreaker?.({ ...of, state: 'open', previousState: 'halfOpen' });
  const samples = samplesOf(await parsed(register), 'cache_breaker_changes_total', {
    cache: 'users',
    backend: 'stack',
  });
  expect(samples.map(({ labels, value }) => [labels['state'], value])).toEqual([
    ['open', 2],
    ['halfOpen', 1],
  ]);
});

describe('a registry', () => {
  test('is shared by any number of caches and hooks, which count into the same metrics', async () => {
    const register = new Registry();
    for (const name of ['users', 'orders', 'users']) {
      toAsync(new InMemoryCache({ name, hooks: prometheusHooks({ register }) }));
      new InMemoryCache({ name, hooks: prometheusHooks({ register }) }).get('k');
    }
    const metrics = await parsed(register);
    expect(sumOf(metrics, 'cache_reads_total', { cache: 'users' })).toBe(2);
    expect(sumOf(metrics, 'cache_reads_total', { cache: 'orders' })).toBe(1);
    expect(sumOf(metrics, 'cache_operation_duration_seconds_count', { cache: 'users' })).toBe(2);
  });

  test('may hold hooks of other prefixes and buckets beside each other', async () => {
    const register = new Registry();
    new InMemoryCache({ hooks: prometheusHooks({ register, prefix: 'shop_cache_', buckets: [1] }) }).get('k');
    new InMemoryCache({ hooks: prometheusHooks({ register }) }).get('k');
    const metrics = await parsed(register);
    expect(sumOf(metrics, 'shop_cache_reads_total')).toBe(1);
    expect(sumOf(metrics, 'cache_reads_total')).toBe(1);
  });

  test('that has the name for something else is a clear error, as are other buckets', () => {
    const register = new Registry();
    new Counter({ name: 'cache_reads_total', help: 'mine', registers: [register] });
    expect(() => prometheusHooks({ register })).toThrow(optionError);
    expect(() => prometheusHooks({ register })).toThrow('metric "cache_reads_total" of somebody else');
    const other = new Registry();
    prometheusHooks({ register: other, buckets: [1, 2] });
    expect(() => prometheusHooks({ register: other, buckets: [1, 3] })).toThrow('with other buckets');
  });

  test('begins anew with resetMetrics, and goes on', async () => {
    const register = new Registry();
    const cache = new InMemoryCache({ hooks: prometheusHooks({ register }) });
    cache.get('k');
    register.resetMetrics();
    expect(sumOf(await parsed(register), 'cache_reads_total')).toBe(0);
    cache.get('k');
    const metrics = await parsed(register);
    expect(sumOf(metrics, 'cache_reads_total')).toBe(1);
    expect(sumOf(metrics, 'cache_operation_duration_seconds_count')).toBe(1);
    expect(sumOf(metrics, 'cache_operation_duration_seconds_bucket', { le: '+Inf' })).toBe(1);
  });

  test('of several worker processes is added up by prom-client’s aggregator', async () => {
    const workers = [new Registry(), new Registry()];
    for (const register of workers) {
      new InMemoryCache({ hooks: prometheusHooks({ register }) }).get('k');
    }
    const json = await Promise.all(workers.map((register) => register.getMetricsAsJSON()));
    const sum = parseExposition(await AggregatorRegistry.aggregate(json).metrics());
    expect(sumOf(sum, 'cache_reads_total')).toBe(2);
    expect(sumOf(sum, 'cache_operation_duration_seconds_count')).toBe(2);
    expect(sumOf(sum, 'cache_operation_duration_seconds_bucket', { le: '0.5' })).toBe(2);
  });
});

describe('keyGroup', () => {
  test('is a label with a bounded number of values', async () => {
    const register = new Registry();
    const hooks = prometheusHooks({ register, keyGroup: (key) => key.split(':', 1)[0], maxKeyGroups: 2 });
    const cache = new InMemoryCache({ hooks });
    for (const key of ['user:1', 'user:2', 'order:1', 'basket:1', 'voucher:1']) cache.get(key);
    cache.set('user:1', 1);
    cache.removeItem('user:1');
    const metrics = await parsed(register);
    const groups = samplesOf(metrics, 'cache_reads_total').map(({ labels, value }) => [labels['group'], value]);
    expect(groups).toEqual([
      ['user', 2],
      ['order', 1],
      ['other', 2],
    ]);
    expect(sumOf(metrics, 'cache_sets_total', { group: 'user' })).toBe(1);
    expect(sumOf(metrics, 'cache_removals_total', { group: 'user' })).toBe(1);
  });
});

test('a cache itself, instead of a function that gives it, is refused with what to write', () => {
  const hooks = prometheusHooks({ register: new Registry() });
  expect(() => hooks.watch({ cache: 'users', backend: 'memory' }, { itemsCount: 1 } as never)).toThrow(
    expect.objectContaining({ code: 'ERR_CACHE_OPTION', message: expect.stringContaining('() => cache') }),
  );
});

test.each([
  { prefix: '' },
  { prefix: '9_' },
  { prefix: 'a-b' },
  { prefix: 5 },
  { buckets: [] },
  { buckets: [0, 1] },
  { buckets: [2, 1] },
  { buckets: [1, 1] },
  { buckets: [1, Number.POSITIVE_INFINITY] },
  { buckets: '1' },
  { keyGroup: 'user' },
  { maxKeyGroups: 0 },
])('%j is refused, and the registry left as it was', (options) => {
  const register = new Registry();
  expect(() => prometheusHooks({ register, ...(options as object) })).toThrow(optionError);
  expect(register.getMetricsAsArray()).toEqual([]);
});

test('a cache of which neither name nor kind is told is refused with what to write', () => {
  const hooks = prometheusHooks({ register: new Registry() });
  expect(() => hooks.watch(undefined as never, () => ({}))).toThrow(
    expect.objectContaining({ code: 'ERR_CACHE_OPTION', message: expect.stringContaining("{ cache: 'users'") }),
  );
});

test.each([[null], ['cache_'], [5]])('instead of options, %j is refused with what to pass', (options) => {
  expect(() => prometheusHooks(options as never)).toThrow(
    expect.objectContaining({ code: 'ERR_CACHE_OPTION', message: expect.stringContaining('{ register }') }),
  );
});

test.each([[null], [{}], ['/metrics']])('instead of a registry, %j is refused with what to pass', (register) => {
  expect(() => prometheusHooks({ register: register as never })).toThrow(
    expect.objectContaining({ code: 'ERR_CACHE_OPTION', message: expect.stringContaining('new Registry()') }),
  );
});

test('the async context is used only by a keyGroup of the application', () => {
  const register = new Registry();
  expect(prometheusHooks({ register }).usesAsyncContext).toBe(false);
  expect(prometheusHooks({ register, prefix: 'grouped_', keyGroup: () => 'all' }).usesAsyncContext).toBe(true);
});

test('reads that are told of together are counted as if one by one', async () => {
  const [each, together] = [new Registry(), new Registry()];
  const source = { cache: 'users', backend: 'redis', operation: 'get' } as const;
  const [one, many] = [prometheusHooks({ register: each }), prometheusHooks({ register: together })];
  for (const outcome of ['hit', 'hit', 'miss'] as const) {
    if (outcome === 'hit') one.onHit?.({ ...source, key: 'k', durationMs: 2 });
    else one.onMiss?.({ ...source, key: 'k', durationMs: 2 });
    one.onOperation?.({ ...source, outcome, durationMs: 2 });
  }
  many.onReads?.({ ...source, hits: 2, misses: 1, durationMs: 2, payloadBytes: () => 0 });
  const text = await together.metrics();
  expect(text).toBe(await each.metrics());
  expect(text).toContain('result="hit"} 2');
});
