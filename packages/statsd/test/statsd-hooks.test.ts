import { createSocket } from 'node:dgram';
import type { CacheOperationEvent } from '@cache/core';
import { InMemoryCache } from '@cache/memory';
import { RedisCache } from '@cache/redis';
import { createCache } from '@cache/stack';
import { type StatsdClient, type StatsdHooksOptions, statsdHooks } from '@cache/statsd';
import { redisUrl, uniqueName } from '@cache/test-servers';
import { describe, expect, jest, test } from '@jest/globals';
import fc from 'fast-check';
import { StatsD } from 'hot-shots';
import { listenForStatsd, type ReceivedMetric, type StatsdListener } from './statsd-listener.ts';

const NEVER_MS = 2 ** 31 - 1;
const call: CacheOperationEvent = { cache: 'users', backend: 'test', operation: 'get', outcome: 'hit', durationMs: 2 };

/** A client for a listener, closed with it. */
function clientOf(listener: StatsdListener, options: object = {}): StatsD & Disposable {
  const client = new StatsD({ host: '127.0.0.1', port: listener.port, ...options });
  return Object.assign(client, { [Symbol.dispose]: () => client.close(() => {}) });
}

function hooksOf(client: StatsdClient, options: Omit<StatsdHooksOptions, 'client'> = {}) {
  return statsdHooks({ client, flushIntervalMs: NEVER_MS, ...options });
}

function sumOf(metrics: readonly ReceivedMetric[], name: string, ...tags: string[]): number {
  const found = metrics.filter((metric) => metric.name === name && tags.every((tag) => metric.tags.includes(tag)));
  return found.reduce((sum, { value }) => sum + value, 0);
}

describe('over UDP', () => {
  test('a stack on memory and Redis sends what each of them did, with tags', async () => {
    await using listener = await listenForStatsd();
    using client = clientOf(listener, { prefix: 'shop.' });
    using hooks = hooksOf(client);
    const near = new InMemoryCache({ name: 'users', hooks });
    const shared = await RedisCache.connect(redisUrl(), { name: 'users', prefix: `${uniqueName('statsd')}:`, hooks });
    const cache = createCache({ name: 'users', l1: near, l2: shared, hooks });
    hooks.watch({ cache: 'users', backend: 'memory' }, () => near);
    try {
      await cache.getOrSet('user:1', () => 'Ada');
      await cache.getOrSet('user:1', () => 'nobody');
      near.clear();
      await cache.get('user:1');
      await cache.removeItem('user:1');
      await expect(shared.get('')).rejects.toMatchObject({ code: 'ERR_CACHE_KEY' });
      hooks.flush();
      client.increment('end');
      await listener.receivedNamed('shop.end');
      const { metrics } = listener;
      const stack = ['cache:users', 'backend:stack'];
      expect(listener.malformed).toEqual([]);
      expect(sumOf(metrics, 'shop.cache.reads', ...stack, 'level:l1', 'result:hit')).toBe(1);
      expect(sumOf(metrics, 'shop.cache.reads', ...stack, 'level:l2', 'result:hit')).toBe(1);
      expect(sumOf(metrics, 'shop.cache.reads', ...stack, 'result:miss')).toBe(1);
      expect(sumOf(metrics, 'shop.cache.operations', ...stack, 'operation:getOrSet', 'outcome:hit')).toBe(1);
      expect(sumOf(metrics, 'shop.cache.loads', ...stack, 'outcome:done')).toBe(1);
      expect(sumOf(metrics, 'shop.cache.removals', ...stack)).toBe(1);
      expect(sumOf(metrics, 'shop.cache.errors', 'backend:redis', 'code:ERR_CACHE_KEY')).toBe(1);
      expect(metrics.filter(({ name, type }) => name === 'shop.cache.items' && type === 'g')).toHaveLength(1);
      const durations = metrics.filter(({ name }) => name === 'shop.cache.operation.duration');
      expect(durations.every(({ type, value }) => type === 'ms' && value >= 0)).toBe(true);
      expect(durations.length).toBeGreaterThan(5);
    } finally {
      await cache.close();
      await shared.clear();
      await shared.close();
    }
  });

  test('a server without tags gets them in the name, each at its place', async () => {
    await using listener = await listenForStatsd();
    using client = clientOf(listener);
    using hooks = hooksOf(client, { tagging: 'name', prefix: 'app.' });
    hooks.onOperation?.(call);
    hooks.onOperation?.({ ...call, cache: 'a.b:c d', backend: 'stack', level: 'l1' });
    hooks.onExpire?.({ cache: 'users', backend: 'test', key: 'k' });
    hooks.flush();
    await listener.received(5);
    expect(listener.malformed).toEqual([]);
    expect(listener.metrics.map(({ name, tags }) => [name, tags]).sort()).toEqual([
      ['app.expirations.users.test', []],
      ['app.operation.duration.a_b_c_d.stack.l1.get.hit', []],
      ['app.operation.duration.users.test.none.get.hit', []],
      ['app.operations.a_b_c_d.stack.l1.get.hit', []],
      ['app.operations.users.test.none.get.hit', []],
    ]);
  });

  test('what a cache is called cannot break the protocol', async () => {
    await using listener = await listenForStatsd();
    using client = clientOf(listener);
    using hooks = hooksOf(client);
    hooks.onExpire?.({ cache: 'a|b,c#d\ne@f', backend: 'test', key: 'k' });
    hooks.flush();
    await listener.received(1);
    expect(listener.malformed).toEqual([]);
    expect(listener.metrics[0]?.tags).toEqual(['cache:a_b_c_d_e_f', 'backend:test']);
  });

  test('of many calls a sample of the durations is sent and the exact count', async () => {
    await using listener = await listenForStatsd();
    using client = clientOf(listener, { maxBufferSize: 1_000 });
    using hooks = hooksOf(client, { maxTimingsPerFlush: 10 });
    for (let durationMs = 1; durationMs <= 1_000; durationMs += 1) hooks.onOperation?.({ ...call, durationMs });
    hooks.flush();
    client.flush();
    await listener.received(11);
    const durations = listener.metrics.filter(({ type }) => type === 'ms').map(({ value }) => value);
    expect(new Set(durations).size).toBe(10);
    expect(Math.max(...durations)).toBeGreaterThan(10);
    expect(sumOf(listener.metrics, 'cache.operations', 'outcome:hit')).toBe(1_000);
  });

  test('every duration of reads that are told of together has the same chance to be in the sample', () => {
    const taken = new Float64Array(10);
    const timing = (_name: string, value: number): void => {
      taken[value] = (taken[value] as number) + 1;
    };
    const client = { increment: () => {}, timing, gauge: () => {} } as unknown as StatsdClient;
    using hooks = hooksOf(client, { maxTimingsPerFlush: 10, random: lehmer(7) });
    const rounds = 2_000;
    const source = { cache: 'users', backend: 'redis', operation: 'get', misses: 0, payloadBytes: () => 0 } as const;
    for (let round = 0; round < rounds; round += 1) {
      for (let durationMs = 0; durationMs < taken.length; durationMs += 1)
        hooks.onReads?.({ ...source, hits: 2 * durationMs + 1, durationMs });
      hooks.flush();
    }
    // Of 100 reads in a round, 10 are taken.
    for (const [durationMs, count] of taken.entries()) {
      const expected = (rounds * (2 * durationMs + 1)) / 10;
      expect(Math.abs(count - expected)).toBeLessThan(6 * Math.sqrt(expected * 0.9));
    }
  });

  test('every duration has the same chance to be in the sample, early or late', () => {
    const taken = new Float64Array(100);
    const timing = (_name: string, value: number): void => {
      taken[value] = (taken[value] as number) + 1;
    };
    const client = { increment: () => {}, timing, gauge: () => {} } as unknown as StatsdClient;
    using hooks = hooksOf(client, { maxTimingsPerFlush: 10, random: lehmer(7) });
    const rounds = 2_000;
    for (let round = 0; round < rounds; round += 1) {
      for (let durationMs = 0; durationMs < taken.length; durationMs += 1) hooks.onOperation?.({ ...call, durationMs });
      hooks.flush();
    }
    const expected = (rounds * 10) / taken.length;
    // Six standard deviations of a binomial distribution; the random numbers are the same in each run.
    const tolerance = 6 * Math.sqrt(expected * 0.9);
    for (const count of taken) expect(Math.abs(count - expected)).toBeLessThan(tolerance);
  });

  test('a client that samples by itself leaves counts whole and says its rate with durations', async () => {
    await using listener = await listenForStatsd();
    using client = clientOf(listener, { sampleRate: 0.5 });
    using hooks = hooksOf(client, { maxTimingsPerFlush: 1_000 });
    for (let index = 0; index < 400; index += 1) hooks.onOperation?.(call);
    hooks.flush();
    client.gauge('end', 1, 1);
    await listener.receivedNamed('end');
    const counted = listener.metrics.filter(({ name }) => name === 'cache.operations');
    expect(counted).toMatchObject([{ value: 400, sampleRate: undefined }]);
    const rates = listener.metrics.filter(({ type }) => type === 'ms').map(({ sampleRate }) => sampleRate);
    expect(new Set(rates)).toEqual(new Set([0.5]));
  });

  test('what was counted is sent once, and by itself after the interval', async () => {
    await using listener = await listenForStatsd();
    using client = clientOf(listener);
    using hooks = statsdHooks({ client, flushIntervalMs: 5 });
    hooks.onExpire?.({ cache: 'users', backend: 'test', key: 'k' });
    await listener.received(1);
    hooks.flush();
    hooks.onEvict?.({ cache: 'users', backend: 'test', key: 'k', reason: 'size' });
    hooks.close();
    await listener.received(2);
    expect(listener.metrics.map(({ name, value }) => [name, value])).toEqual([
      ['cache.expirations', 1],
      ['cache.evictions', 1],
    ]);
  });
});

describe('a client that is down', () => {
  test.each<[string, () => Promise<StatsD>]>([
    ['nobody listens at its port', async () => new StatsD({ host: '127.0.0.1', port: await unusedPort() })],
    ['it was closed', async () => closed(new StatsD({ host: '127.0.0.1', errorHandler: () => {} }))],
    ['its host does not exist', async () => new StatsD({ host: 'no-such-host.invalid', errorHandler: () => {} })],
    [
      'its TCP server is gone',
      async () => new StatsD({ host: '127.0.0.1', port: await unusedPort(), protocol: 'tcp', errorHandler: () => {} }),
    ],
  ])('because %s, harms no call and no process', async (_, create) => {
    const client = await create();
    using hooks = hooksOf(client);
    const cache = new InMemoryCache({ hooks });
    for (let round = 0; round < 3; round += 1) {
      cache.set('k', round);
      hooks.flush();
      expect(cache.get('k')).toBe(round);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    client.close(() => {});
  });

  test('and throws, loses no count: it is sent when the client is back', () => {
    const emitWarning = jest.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const sent: unknown[] = [];
    let isDown = true;
    const refuse = (...metric: unknown[]): void => {
      if (isDown) throw new TypeError('socket to 10.0.0.1 with password is gone');
      sent.push(metric);
    };
    using hooks = hooksOf({ increment: refuse, timing: refuse, gauge: refuse });
    for (let flush = 0; flush < 3; flush += 1) {
      hooks.onExpire?.({ cache: 'users', backend: 'test', key: 'k' });
      hooks.onOperation?.(call);
      hooks.flush();
    }
    isDown = false;
    hooks.flush();
    expect(sent).toEqual([
      ['cache.operations', 3, 1, ['cache:users', 'backend:test', 'operation:get', 'outcome:hit']],
      ['cache.expirations', 3, 1, ['cache:users', 'backend:test']],
    ]);
    expect(emitWarning.mock.calls).toEqual([
      [
        'Metrics of caches could not be sent to StatsD (TypeError); the caches are unaffected.',
        { code: 'CACHE_STATSD_FAILED' },
      ],
    ]);
    emitWarning.mockRestore();
  });
});

test('a cache whose sizes cannot be asked keeps no other from being told', () => {
  const emitWarning = jest.spyOn(process, 'emitWarning').mockImplementation(() => {});
  const gauges: unknown[] = [];
  const client = { increment: () => {}, timing: () => {}, gauge: (...gauge: unknown[]) => void gauges.push(gauge) };
  using hooks = hooksOf(client);
  hooks.watch({ cache: 'broken', backend: 'memory' }, () => {
    throw new Error('no sizes');
  });
  hooks.watch({ cache: 'users', backend: 'memory' }, () => ({ itemsCount: 2, bytes: 30 }));
  hooks.flush();
  expect(gauges).toEqual([
    ['cache.items', 2, 1, ['cache:users', 'backend:memory']],
    ['cache.bytes', 30, 1, ['cache:users', 'backend:memory']],
  ]);
  emitWarning.mockRestore();
});

test('counts sent are the events told, however flushes fall between them', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom('hit', 'miss', 'flush', 'failing flush')), (schedule) => {
      const sent = { hit: 0, miss: 0 };
      let isDown = false;
      const increment = (name: string, value: number, _rate: number, tags: string[]): void => {
        if (isDown) throw new Error('down');
        if (name === 'cache.reads') sent[tags.includes('result:hit') ? 'hit' : 'miss'] += value;
      };
      const client = { increment, timing: () => {}, gauge: () => {} } as unknown as StatsdClient;
      using hooks = hooksOf(client);
      const told = { hit: 0, miss: 0 };
      const emitWarning = jest.spyOn(process, 'emitWarning').mockImplementation(() => {});
      for (const step of schedule) {
        isDown = step === 'failing flush';
        if (step === 'hit' || step === 'miss') {
          told[step] += 1;
          hooks[step === 'hit' ? 'onHit' : 'onMiss']?.({ ...call, key: 'k' });
        } else hooks.flush();
      }
      isDown = false;
      hooks.flush();
      emitWarning.mockRestore();
      expect(sent).toEqual(told);
    }),
  );
});

test('a circuit breaker is counted by what it became', () => {
  const sent: unknown[] = [];
  const increment = (...metric: unknown[]): void => void sent.push(metric);
  using hooks = hooksOf({ increment, timing: () => {}, gauge: () => {} });
  const of = { cache: 'users', backend: 'stack', queuedInvalidations: 0 };
  hooks.onBreaker?.({ ...of, state: 'open', previousState: 'closed' });
  hooks.onBreaker?.({ ...of, state: 'open', previousState: 'halfOpen' });
  hooks.flush();
  expect(sent).toEqual([['cache.breaker.changes', 2, 1, ['cache:users', 'backend:stack', 'state:open']]]);
});

test('keyGroup is a tag with a bounded number of values', () => {
  const tags = new Set<string>();
  const increment = (_name: string, _value: number, _rate: number, own: string[]): void => {
    for (const tag of own) if (tag.startsWith('group:')) tags.add(tag);
  };
  const client = { increment, timing: () => {}, gauge: () => {} } as unknown as StatsdClient;
  using hooks = hooksOf(client, { keyGroup: (key) => key, maxKeyGroups: 2 });
  const cache = new InMemoryCache({ hooks });
  for (let id = 0; id < 100; id += 1) cache.get(`user:${id}`);
  hooks.flush();
  expect([...tags]).toEqual(['group:user:0', 'group:user:1', 'group:other']);
});

test('a cache itself, instead of a function that gives it, is refused with what to write', () => {
  using hooks = hooksOf({ increment: () => {}, timing: () => {}, gauge: () => {} });
  expect(() => hooks.watch({ cache: 'users', backend: 'memory' }, { itemsCount: 1 } as never)).toThrow(
    expect.objectContaining({ code: 'ERR_CACHE_OPTION', message: expect.stringContaining('() => cache') }),
  );
});

test.each([
  { client: undefined },
  { client: {} },
  { prefix: 'a b' },
  { prefix: 5 },
  { tagging: 'influx' },
  { flushIntervalMs: 0 },
  { flushIntervalMs: Number.NaN },
  { flushIntervalMs: 2 ** 31 },
  { maxTimingsPerFlush: 0 },
  { maxTimingsPerFlush: 1.5 },
  { keyGroup: 5 },
  { random: 0.5 },
])('%j is refused', (options) => {
  const client = { increment: () => {}, timing: () => {}, gauge: () => {} };
  const wrong = { client, ...options } as unknown as StatsdHooksOptions;
  expect(() => statsdHooks(wrong)).toThrow(expect.objectContaining({ code: 'ERR_CACHE_OPTION' }));
});

test('a cache of which neither name nor kind is told is refused with what to write', () => {
  using hooks = hooksOf({ increment: () => {}, timing: () => {}, gauge: () => {} });
  expect(() => hooks.watch(undefined as never, () => ({}))).toThrow(
    expect.objectContaining({ code: 'ERR_CACHE_OPTION', message: expect.stringContaining("{ cache: 'users'") }),
  );
});

test.each([[undefined], [null], ['localhost:8125']])(
  'instead of options, %j is refused with what to pass',
  (options) => {
    expect(() => statsdHooks(options as never)).toThrow(
      expect.objectContaining({
        code: 'ERR_CACHE_OPTION',
        message: expect.stringContaining('statsdHooks({ client })'),
      }),
    );
  },
);

/** The generator of Park and Miller ("Random number generators: good ones are hard to find", 1988). */
function lehmer(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}

async function unusedPort(): Promise<number> {
  const socket = createSocket('udp4');
  await new Promise<void>((resolve) => {
    socket.bind(0, '127.0.0.1', resolve);
  });
  const { port } = socket.address();
  await new Promise<void>((resolve) => {
    socket.close(resolve);
  });
  return port;
}

async function closed(client: StatsD): Promise<StatsD> {
  await new Promise<void>((resolve) => {
    client.close(() => resolve());
  });
  return client;
}

test('the async context is used only by a keyGroup of the application', () => {
  const client: StatsdClient = new StatsD({ mock: true });
  using plain = hooksOf(client);
  using grouped = hooksOf(client, { keyGroup: () => 'all' });
  expect([plain.usesAsyncContext, grouped.usesAsyncContext]).toEqual([false, true]);
});
