import type { CacheOperationEvent } from '@cache/core';
import { CacheStatistics, CacheTimeoutError } from '@cache/core';
import { InMemoryCache } from '@cache/memory';
import { DurationProducer, type OpenTelemetryHooksOptions, openTelemetryHooks } from '@cache/opentelemetry';
import { RedisCache } from '@cache/redis';
import { createCache } from '@cache/stack';
import { redisUrl, uniqueName, waitUntil } from '@cache/test-servers';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { SpanKind, SpanStatusCode } from '@opentelemetry/api';
import type { Histogram, MetricData } from '@opentelemetry/sdk-metrics';
import fc from 'fast-check';
import { Telemetry } from './telemetry.ts';

let telemetry: Telemetry;
beforeEach(() => {
  telemetry = new Telemetry();
});
afterEach(() => telemetry[Symbol.asyncDispose]());

function hooksOf(options: Partial<OpenTelemetryHooksOptions> = {}) {
  return openTelemetryHooks({ meter: telemetry.meter, ...options });
}

const call: CacheOperationEvent = { cache: 'users', backend: 'redis', operation: 'get', outcome: 'hit', durationMs: 2 };

describe('a stack on memory and Redis', () => {
  let near: InMemoryCache;
  let shared: RedisCache;
  let cache: ReturnType<typeof createCache>;
  const start = async (options: Partial<OpenTelemetryHooksOptions> = {}): Promise<void> => {
    const hooks = hooksOf(options);
    near = new InMemoryCache({ name: 'users', hooks });
    shared = await RedisCache.connect(redisUrl(), { name: 'users', prefix: `${uniqueName('otel')}:`, hooks });
    cache = createCache({ name: 'users', l1: near, l2: shared, hooks });
    hooks.watch({ cache: 'users', backend: 'memory' }, () => near);
  };
  afterEach(async () => {
    await cache.close();
    await shared.clear();
    await shared.close();
  });

  test('is measured: each backend by the convention that there is for it, hits by level', async () => {
    await start();
    await cache.getOrSet('user:1', () => 'Ada');
    await cache.getOrSet('user:1', () => 'nobody');
    near.clear();
    await cache.get('user:1');
    await cache.removeItem('user:1');
    await expect(cache.getOrSet('user:2', () => Promise.reject(new Error('down')))).rejects.toThrow('down');
    await cache.set('user:3', 'Grace');

    const redis = { 'db.system.name': 'redis', 'cache.name': 'users' };
    expect(await telemetry.total('db.client.operation.duration', redis)).toBeGreaterThan(3);
    expect(await telemetry.total('db.client.operation.duration', { ...redis, 'db.operation.name': 'removeItem' })).toBe(
      1,
    );
    const stack = { 'cache.name': 'users', 'cache.backend': 'stack' };
    const loads = { ...stack, 'cache.operation': 'getOrSet' };
    expect(await telemetry.total('cache.operation.duration', { ...loads, 'cache.outcome': 'miss' })).toBe(1);
    expect(await telemetry.total('cache.operation.duration', { ...loads, 'cache.level': 'l1' })).toBe(1);
    expect(
      await telemetry.total('cache.operation.duration', { ...loads, 'cache.outcome': 'error', 'error.type': '_OTHER' }),
    ).toBe(1);
    expect(await telemetry.total('cache.reads', { ...stack, 'cache.level': 'l1', 'cache.result': 'hit' })).toBe(1);
    expect(await telemetry.total('cache.reads', { ...stack, 'cache.level': 'l2', 'cache.result': 'hit' })).toBe(1);
    expect(await telemetry.total('cache.reads', { ...stack, 'cache.result': 'miss' })).toBe(1);
    expect(await telemetry.total('cache.load.duration', { ...stack, 'cache.outcome': 'done' })).toBe(1);
    expect(await telemetry.total('cache.load.duration', { ...stack, 'cache.outcome': 'error' })).toBe(1);
    expect(await telemetry.total('cache.removals', stack)).toBe(1);
    expect(await telemetry.total('cache.sets', stack)).toBe(1);
    expect(await telemetry.total('cache.items', { 'cache.backend': 'memory' })).toBe(near.itemsCount);
  });

  test('is traced below the span in which it was called, without keys', async () => {
    await start({ tracer: telemetry.tracer });
    const parent = await telemetry.below('request', async () => {
      await cache.getOrSet('secret:1', () => 'Ada');
    });
    const { spanId, traceId } = parent.spanContext();
    const children = telemetry.spans.filter(({ name }) => name !== 'request');
    expect(children.map(({ name }) => name).sort()).toEqual(['fill', 'getOrLease', 'getOrSet users', 'load users']);
    for (const span of children) {
      expect(span.spanContext().traceId).toBe(traceId);
      expect(span.parentSpanContext?.spanId).toBe(spanId);
    }
    const client = children.find(({ name }) => name === 'getOrLease');
    expect(client?.kind).toBe(SpanKind.CLIENT);
    expect(client?.attributes).toEqual({
      'cache.name': 'users',
      'cache.outcome': 'miss',
      'db.system.name': 'redis',
      'db.operation.name': 'getOrLease',
    });
    expect(children.find(({ name }) => name === 'getOrSet users')?.kind).toBe(SpanKind.INTERNAL);
    expect(
      JSON.stringify(telemetry.spans.map(({ name, attributes, events }) => [name, attributes, events])),
    ).not.toContain('secret');
  });
});

test('the duration of a database call is in seconds, in the buckets of the convention, and its span lasts as long', async () => {
  const hooks = hooksOf({ tracer: telemetry.tracer });
  hooks.onOperation?.({ ...call, durationMs: 7 });
  const metric = (await telemetry.metrics()).get('db.client.operation.duration');
  expect(metric?.descriptor).toMatchObject({ unit: 's', description: 'Duration of database client operations.' });
  const { value } = metric?.dataPoints[0] ?? {};
  expect(value).toMatchObject({
    count: 1,
    sum: 0.007,
    buckets: { boundaries: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10], counts: [0, 0, 1, 0, 0, 0, 0, 0, 0, 0] },
  } satisfies Partial<Histogram>);
  const [span] = telemetry.spans;
  expect(span?.duration[0]).toBe(0);
  expect((span?.duration[1] ?? 0) / 1e6).toBeCloseTo(7, 2);
});

test('durations are recorded a few at a time, each once, and all before they are collected', async () => {
  const recorded: number[] = [];
  const { meter } = telemetry;
  const watched = Object.create(meter, {
    createHistogram: { value: () => ({ record: (seconds: number) => recorded.push(seconds) }) },
  });
  const hooks = hooksOf({ meter: watched });
  for (let durationMs = 0; durationMs < 5_000; durationMs += 1) hooks.onOperation?.({ ...call, durationMs });
  expect(recorded.length).toBeGreaterThan(4_900);
  await telemetry.metrics();
  expect(recorded).toEqual(Array.from({ length: 5_000 }, (_, durationMs) => durationMs / 1000));
  hooks.onOperation?.(call);
  await waitUntil('the last duration', 30_000, () => recorded.length === 5_001);
});

describe('a DurationProducer', () => {
  test('gives a reader what the meter would have given it', async () => {
    const durations = new DurationProducer();
    await using aside = new Telemetry([durations]);
    const produced = openTelemetryHooks({ meter: aside.meter, durations });
    const metered = hooksOf();
    fc.assert(
      fc.property(
        fc.double({ min: 0, max: 20_000, noNaN: true }),
        fc.constantFrom('hit', 'miss', 'error'),
        (ms, end) => {
          for (const hooks of [produced, metered]) {
            hooks.onOperation?.({ ...call, durationMs: ms, outcome: end as 'hit' });
            hooks.onOperation?.({ ...call, backend: 'memory', durationMs: ms, outcome: end as 'hit' });
            hooks.onLoad?.({ ...call, key: 'k', durationMs: ms, outcome: 'done' });
          }
        },
      ),
    );
    const names = ['db.client.operation.duration', 'cache.operation.duration', 'cache.load.duration'];
    const [theirs, ours] = [await telemetry.metrics(), await aside.metrics()];
    for (const name of names) {
      const { dataPoints: expected, ...metric } = theirs.get(name) as MetricData;
      const { descriptor, aggregationTemporality, dataPointType } = metric;
      expect(ours.get(name)).toMatchObject({
        descriptor: { name, description: descriptor.description, unit: 's', valueType: descriptor.valueType },
        aggregationTemporality,
        dataPointType,
      });
      expect(ours.get(name)?.dataPoints.map(({ attributes, value }) => ({ attributes, value }))).toEqual(
        expected.map(({ attributes, value }) => ({ attributes, value })),
      );
    }
  });

  test('may serve several hooks, and gives nothing before the first event', async () => {
    const durations = new DurationProducer();
    await using aside = new Telemetry([durations]);
    const hooks = [1, 2].map(() => openTelemetryHooks({ meter: aside.meter, durations }));
    expect((await aside.metrics()).has('cache.operation.duration')).toBe(false);
    hooks.forEach((own, index) => {
      new InMemoryCache({ name: `cache ${index}`, hooks: own }).get('k');
    });
    expect(await aside.total('cache.operation.duration')).toBe(2);
  });
});

test.each(['instruments', 'a DurationProducer'])(
  'reads that are told of together are recorded by %s as if one by one',
  async (where) => {
    const figures = [];
    for (const how of ['each', 'together']) {
      const durations = where === 'instruments' ? undefined : new DurationProducer();
      await using aside = new Telemetry(durations && [durations]);
      const hooks = openTelemetryHooks({ meter: aside.meter, ...(durations && { durations }) });
      if (how === 'together') hooks.onReads?.({ ...call, hits: 2, misses: 1, payloadBytes: () => 0 });
      else {
        for (const outcome of ['hit', 'hit', 'miss'] as const) {
          if (outcome === 'hit') hooks.onHit?.({ ...call, key: 'k' });
          else hooks.onMiss?.({ ...call, key: 'k' });
          hooks.onOperation?.({ ...call, outcome });
        }
      }
      const metrics = await aside.metrics();
      figures.push(
        ['db.client.operation.duration', 'cache.reads'].map((name) =>
          metrics.get(name)?.dataPoints.map(({ attributes, value }) => ({ attributes, value })),
        ),
      );
    }
    expect(figures[1]).toEqual(figures[0]);
    expect(figures[0]?.[1]?.map(({ value }) => value)).toEqual([2, 1]);
  },
);

test('a meter that throws harms neither calls nor the process, and is told of once', async () => {
  const emitWarning = jest.spyOn(process, 'emitWarning').mockImplementation(() => {});
  const record = (): void => {
    throw new RangeError('no room for user:1');
  };
  const hooks = hooksOf({ meter: Object.create(telemetry.meter, { createHistogram: { value: () => ({ record }) } }) });
  const cache = new InMemoryCache({ hooks });
  cache.set('user:1', 1);
  expect(cache.get('user:1')).toBe(1);
  await telemetry.metrics();
  expect(emitWarning.mock.calls).toEqual([
    ['A meter failed with RangeError; the caches are unaffected.', { code: 'CACHE_METER_FAILED' }],
  ]);
  emitWarning.mockRestore();
});

test('PostgreSQL is called what the convention calls it', async () => {
  hooksOf().onOperation?.({ ...call, backend: 'postgres' });
  expect(await telemetry.total('db.client.operation.duration', { 'db.system.name': 'postgresql' })).toBe(1);
});

test('a failed call has the code of its error as type, and a span with the status of an error', async () => {
  const hooks = hooksOf({ tracer: telemetry.tracer });
  const error = new CacheTimeoutError('Redis did not answer redis://secret@host.');
  const failed = { ...call, outcome: 'error' as const };
  hooks.onError?.({ ...call, error });
  hooks.onOperation?.(failed);
  hooks.onOperation?.(failed);
  hooks.onError?.({ ...call, error, operation: 'set' });
  hooks.onOperation?.(failed);
  hooks.onError?.({ ...call, error, durationMs: call.durationMs + 1 });
  hooks.onOperation?.(failed);
  const of = { 'db.operation.name': 'get', 'cache.outcome': 'error' };
  const timeouts = { ...of, 'error.type': 'ERR_CACHE_TIMEOUT' };
  expect(await telemetry.total('db.client.operation.duration', timeouts)).toBe(1);
  expect(await telemetry.total('db.client.operation.duration', { ...of, 'error.type': '_OTHER' })).toBe(3);
  expect(telemetry.spans.map(({ status }) => status)).toEqual(Array(4).fill({ code: SpanStatusCode.ERROR }));
  expect(telemetry.spans[0]?.attributes['error.type']).toBe('ERR_CACHE_TIMEOUT');
});

test('errors are counted by operation and code, those in the background too, which no call shows', async () => {
  const hooks = hooksOf();
  const error = new CacheTimeoutError('Redis did not answer redis://secret@host.');
  hooks.onError?.({ ...call, error });
  hooks.onError?.({ ...call, error, operation: 'ping' });
  hooks.onError?.({ ...call, error, operation: 'ping' });
  const points = await telemetry.points('cache.errors');
  const of = { 'cache.name': 'users', 'cache.backend': 'redis', 'error.type': 'ERR_CACHE_TIMEOUT' };
  expect(points.map(({ attributes, value }) => [attributes, value])).toEqual([
    [{ ...of, 'cache.operation': 'get' }, 1],
    [{ ...of, 'cache.operation': 'ping' }, 2],
  ]);
});

test('a circuit breaker is counted by what it became', async () => {
  const hooks = hooksOf();
  const of = { cache: 'users', backend: 'stack', queuedInvalidations: 0 };
  hooks.onBreaker?.({ ...of, state: 'open', previousState: 'closed' });
  hooks.onBreaker?.({ ...of, state: 'closed', previousState: 'halfOpen' });
  expect(await telemetry.total('cache.breaker.changes', { 'cache.breaker.state': 'open' })).toBe(1);
  expect(await telemetry.total('cache.breaker.changes', { 'cache.name': 'users', 'cache.backend': 'stack' })).toBe(2);
});

describe('spans', () => {
  test('are not made without a tracer, nor of memory, which takes less time than a span', async () => {
    new InMemoryCache({ hooks: hooksOf() }).get('k');
    new InMemoryCache({ hooks: hooksOf({ tracer: telemetry.tracer }) }).get('k');
    hooksOf().onOperation?.(call);
    expect(telemetry.spans).toEqual([]);
  });

  test('of gets of one tick in Redis are each below the span of their own request, with other hooks beside', async () => {
    const hooks = [new CacheStatistics(), hooksOf({ tracer: telemetry.tracer })];
    const cache = await RedisCache.connect(redisUrl(), { prefix: `${uniqueName('otel')}:`, hooks });
    try {
      const requests = await Promise.all(['a', 'b', 'c'].map((id) => telemetry.below(id, () => cache.get(id))));
      const parents = telemetry.spans
        .filter(({ name }) => name === 'get')
        .map(({ parentSpanContext }) => parentSpanContext?.spanId);
      expect(parents).toEqual(requests.map((span) => span.spanContext().spanId));
    } finally {
      await cache.close();
    }
  });

  test('are made of the calls that shouldTrace lets through', () => {
    const hooks = hooksOf({ tracer: telemetry.tracer, shouldTrace: ({ durationMs }) => durationMs > 5 });
    hooks.onOperation?.({ ...call, durationMs: 5 });
    hooks.onOperation?.({ ...call, durationMs: 6, backend: 'memory' });
    expect(telemetry.spans.map(({ name }) => name)).toEqual(['get users']);
  });
});

test('the async context is used only for spans and by what the application gave', () => {
  expect(hooksOf().usesAsyncContext).toBe(false);
  expect(hooksOf({ tracer: telemetry.tracer }).usesAsyncContext).toBe(true);
  expect(hooksOf({ keyGroup: () => 'all' }).usesAsyncContext).toBe(true);
});

test('counters are by key and never have one among their attributes; keyGroup has a bounded number of values', async () => {
  const hooks = hooksOf({ keyGroup: (key) => key, maxKeyGroups: 2 });
  const cache = new InMemoryCache({ hooks, maxSize: 10 });
  for (let id = 0; id < 100; id += 1) cache.get(`user:${id}`);
  cache.mget(['user:0', 'user:1', 'user:2']);
  const reads = await telemetry.points('cache.reads');
  expect(reads.map(({ attributes, value }) => [attributes['cache.key.group'], value])).toEqual([
    ['user:0', 2],
    ['user:1', 2],
    ['other', 99],
  ]);
});

test('evictions have their reason, and expirations are counted', async () => {
  const hooks = hooksOf();
  let nowMs = 0;
  const cache = new InMemoryCache({ hooks, maxSize: 2, clock: { now: () => nowMs } });
  for (let id = 0; id < 5; id += 1) cache.set(`${id}`, id, 1);
  nowMs = 2_000;
  cache.cleanupExpired();
  expect(await telemetry.total('cache.evictions', { 'cache.eviction.reason': 'size' })).toBe(3);
  expect(await telemetry.total('cache.expirations')).toBe(2);
});

test('a cache whose sizes cannot be asked keeps no other from being shown', async () => {
  const emitWarning = jest.spyOn(process, 'emitWarning').mockImplementation(() => {});
  const hooks = hooksOf();
  hooks.watch({ cache: 'broken', backend: 'memory' }, () => {
    throw new TypeError('an inner matter');
  });
  hooks.watch({ cache: 'users', backend: 'memory' }, () => ({ itemsCount: 2, bytes: 30 }));
  expect(await telemetry.total('cache.items')).toBe(2);
  expect(await telemetry.total('cache.size')).toBe(30);
  expect(emitWarning.mock.calls).toEqual([
    [
      'The contents of cache "broken" could not be read (TypeError); its sizes are left out.',
      { code: 'CACHE_CONTENTS_FAILED' },
    ],
  ]);
  emitWarning.mockRestore();
});

test('a cache itself, instead of a function that gives it, is refused with what to write', () => {
  const hooks = hooksOf();
  expect(() => hooks.watch({ cache: 'users', backend: 'memory' }, { itemsCount: 1 } as never)).toThrow(
    expect.objectContaining({ code: 'ERR_CACHE_OPTION', message: expect.stringContaining('() => cache') }),
  );
});

test.each([
  { meter: undefined },
  { meter: {} },
  { tracer: {} },
  { durations: {} },
  { shouldTrace: true },
  { keyGroup: 1 },
  { maxKeyGroups: 0 },
])('%j is refused', (options) => {
  const wrong = { meter: telemetry.meter, ...options } as unknown as OpenTelemetryHooksOptions;
  expect(() => openTelemetryHooks(wrong)).toThrow(expect.objectContaining({ code: 'ERR_CACHE_OPTION' }));
});

test('a cache of which neither name nor kind is told is refused with what to write', () => {
  expect(() => hooksOf().watch(undefined as never, () => ({}))).toThrow(
    expect.objectContaining({ code: 'ERR_CACHE_OPTION', message: expect.stringContaining("{ cache: 'users'") }),
  );
});

test.each([[undefined], [null], ['shop']])('instead of options, %j is refused with what to pass', (options) => {
  expect(() => openTelemetryHooks(options as never)).toThrow(
    expect.objectContaining({ code: 'ERR_CACHE_OPTION', message: expect.stringContaining('metrics.getMeter(name)') }),
  );
});
