import { AsyncLocalStorage } from 'node:async_hooks';
import {
  ABSENT,
  type CacheHooks,
  type CacheOperationEvent,
  CacheStatistics,
  type Lease,
  type Serializer,
} from '@cache/core';
import { RedisCache } from '@cache/redis';
import { redisUrl, uniqueName } from '@cache/test-servers';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createClient } from 'redis';
import { binaryJson } from './binary-json.ts';
import { PATIENT } from './patience.ts';

const client = createClient({ url: redisUrl() });
beforeAll(() => client.connect());
afterAll(() => client.close());

/** Hooks that write down what they hear. */
function recordingHooks(log: string[], operations: CacheOperationEvent[]): CacheHooks {
  return {
    onHit: ({ operation, key }) => log.push(`hit ${operation} ${key}`),
    onMiss: ({ operation, key }) => log.push(`miss ${operation} ${key}`),
    onSet: ({ operation, key }) => log.push(`set ${operation} ${key}`),
    onError: ({ operation, error }) => log.push(`error ${operation} ${error.code}`),
    onOperation: (event) => {
      log.push(`${event.operation} ${event.outcome}`);
      operations.push(event);
    },
  };
}

interface Observed {
  readonly cache: RedisCache;
  readonly prefix: string;
  readonly log: string[];
  readonly operations: CacheOperationEvent[];
}

function newCache(usesAsyncContext: boolean): Observed {
  const log: string[] = [];
  const operations: CacheOperationEvent[] = [];
  const prefix = `${uniqueName('hooks')}:`;
  const cache = new RedisCache(client, {
    prefix,
    ...PATIENT,
    hooks: { ...recordingHooks(log, operations), usesAsyncContext },
  });
  return { cache, prefix, log, operations };
}

describe.each([true, false])('Calls of one tick, with hooks whose usesAsyncContext is %s,', (usesAsyncContext) => {
  test('are each told of once, in their order, before any caller goes on', async () => {
    const { cache, log } = newCache(usesAsyncContext);
    await cache.set('b', 1);
    log.length = 0;
    await Promise.all(['a', 'b', 'c'].map((key) => cache.get(key).then(() => log.push(`caller of ${key}`))));
    expect(log).toEqual([
      ...['miss get a', 'get miss', 'hit get b', 'get hit', 'miss get c', 'get miss'],
      ...['caller of a', 'caller of b', 'caller of c'],
    ]);
  });

  test('are told of before their own callers go on where each has an answer of its own', async () => {
    const { cache, log } = newCache(usesAsyncContext);
    const keys = ['a', 'b', 'c'];
    await Promise.all(keys.map((key) => cache.set(key, 1).then(() => log.push(`caller of ${key}`))));
    for (const key of keys) expect(log.indexOf(`set set ${key}`)).toBeLessThan(log.indexOf(`caller of ${key}`));
    expect(log.filter((line) => !line.startsWith('caller'))).toEqual(
      keys.flatMap((key) => [`set set ${key}`, 'set done']),
    );
  });

  test('that share a round trip took equally long', async () => {
    const { cache, operations } = newCache(usesAsyncContext);
    await Promise.all(Array.from({ length: 50 }, (_, index) => cache.get(`k${index}`)));
    expect(operations).toHaveLength(50);
    expect(new Set(operations.map(({ durationMs }) => durationMs)).size).toBe(1);
    expect(operations[0]?.durationMs).toBeGreaterThan(0);
  });

  test('are told of one by one where one is refused, one waits for its key and one is damaged', async () => {
    const { cache, prefix, log } = newCache(usesAsyncContext);
    await client.set(`${prefix}damaged`, '{');
    const refused = cache.get('').catch(({ code }: { code: string }) => code);
    const calls = [cache.set('k', 1, { tags: ['t'] }), cache.get('k'), cache.set('k', 2), cache.get('damaged')];
    expect(await Promise.all(calls)).toEqual([undefined, 1, undefined, undefined]);
    expect(await refused).toBe('ERR_CACHE_KEY');
    expect([...log].sort()).toEqual(
      [
        ...['error get ERR_CACHE_KEY', 'get error', 'error get ERR_CACHE_CORRUPTION', 'miss get damaged', 'get miss'],
        ...['set set k', 'set done', 'hit get k', 'get hit', 'set set k', 'set done'],
      ].sort(),
    );
  });

  test('that hooks make are told of too', async () => {
    const told: string[] = [];
    const prefix = `${uniqueName('hooks')}:`;
    const again: Promise<unknown>[] = [];
    const cache: RedisCache = new RedisCache(client, {
      prefix,
      ...PATIENT,
      hooks: {
        usesAsyncContext,
        onMiss: ({ key }) => {
          told.push(key);
          if (key === 'first')
            again.push(
              cache.get('second'),
              cache.get('').catch(() => {}),
            );
        },
        onError: ({ error }) => told.push(error.code),
      },
    });
    await cache.get('first');
    await Promise.all(again);
    expect(told).toEqual(['first', 'ERR_CACHE_KEY', 'second']);
  });
});

describe('Gets of which hooks need to hear only how many', () => {
  interface Tallied {
    readonly cache: RedisCache;
    readonly prefix: string;
    readonly log: string[];
  }

  /** Hooks that hear of reads together, beside others that hear of none, or of each. */
  function tallied(...others: readonly CacheHooks[]): Tallied {
    const log: string[] = [];
    const hooks: CacheHooks = {
      ...recordingHooks(log, []),
      usesAsyncContext: false,
      onReads: (event) =>
        log.push(`${event.operation}: ${event.hits} hits, ${event.misses} misses, ${event.payloadBytes()} bytes`),
    };
    const prefix = `${uniqueName('hooks')}:`;
    return { cache: new RedisCache(client, { prefix, ...PATIENT, hooks: [hooks, ...others] }), prefix, log };
  }

  test('are told of as numbers, once, before any caller goes on, and then of what comes later', async () => {
    const { cache, log } = tallied({ usesAsyncContext: false, onError: () => {} });
    await cache.mset([
      ['a', 'abc'],
      ['b', 'äö'],
    ]);
    log.length = 0;
    const get = (key: string): Promise<unknown> => cache.get(key).then((value) => log.push(`caller has ${value}`));
    await Promise.all(['a', 'b', 'c'].map(get));
    await get('a');
    expect(log).toEqual([
      ...['get: 2 hits, 1 misses, 11 bytes', 'caller has abc', 'caller has äö', 'caller has undefined'],
      ...['get: 1 hits, 0 misses, 5 bytes', 'caller has abc'],
    ]);
  });

  test('are told of one by one where another hook needs to hear of each', async () => {
    const heard: string[] = [];
    const { cache, log } = tallied({ usesAsyncContext: false, onMiss: ({ key }) => heard.push(key) });
    await Promise.all([cache.get('a'), cache.get('b')]);
    expect(heard).toEqual(['a', 'b']);
    expect(log).toEqual(['miss get a', 'get miss', 'miss get b', 'get miss']);
  });

  test('are each counted once: found, missing, damaged, refused, with tags, waiting for their key', async () => {
    const { cache, prefix, log } = tallied();
    await cache.set('tagged', 'abc', { tags: ['t'] });
    await client.set(`${prefix}damaged`, '{');
    log.length = 0;
    const refused = cache.get('').catch(({ code }: { code: string }) => code);
    const calls = ['tagged', 'damaged', 'none'].map((key) => cache.get(key));
    expect(await Promise.all([...calls, refused])).toEqual(['abc', undefined, undefined, 'ERR_CACHE_KEY']);
    const told = log.flatMap(
      (line) => /^get: (\d+) hits, (\d+) misses, (\d+) bytes$/.exec(line)?.slice(1).map(Number) ?? [],
    );
    const sumOf = (place: number): number => told.filter((_, at) => at % 3 === place).reduce((sum, n) => sum + n, 0);
    expect([sumOf(0), sumOf(1), sumOf(2)]).toEqual([1, 2, 5]);
    expect(log.filter((line) => !line.startsWith('get: ')).sort()).toEqual(
      ['error get ERR_CACHE_CORRUPTION', 'error get ERR_CACHE_KEY', 'get error'].sort(),
    );
    log.length = 0;
    await Promise.all([cache.set('k', 1, { tags: ['t'] }), cache.get('k')]);
    expect(log).toContain('hit get k');
  });

  test('fail one by one, before their callers go on', async () => {
    const { cache, log } = tallied();
    const [one, other] = ['a', 'b'].map((key) => cache.get(key));
    const failing = client.duplicate();
    failing.on('error', () => {});
    await failing.connect();
    const lost = tallied();
    const broken = new RedisCache(failing, { ...PATIENT, prefix: lost.prefix, hooks: countingHooks(lost.log) });
    const gets = ['a', 'b'].map((key) => broken.get(key).catch(({ code }: { code: string }) => lost.log.push(code)));
    failing.destroy();
    await Promise.all([one, other, ...gets]);
    expect(log).toEqual(['get: 0 hits, 2 misses, 0 bytes']);
    expect(lost.log.filter((line) => line.startsWith('get: '))).toEqual([]);
    expect(lost.log.filter((line) => line === 'get error')).toHaveLength(2);
    expect(lost.log.findIndex((line) => line.startsWith('ERR_'))).toBeGreaterThan(0);
  });

  function countingHooks(log: string[]): CacheHooks {
    return {
      ...recordingHooks(log, []),
      usesAsyncContext: false,
      onReads: ({ hits }) => log.push(`get: ${hits} hits`),
    };
  }
});

describe('The async context of a call', () => {
  const requests = ['a', 'b', 'c'];
  const request = new AsyncLocalStorage<string>();
  const concurrently = (call: (id: string) => Promise<unknown>): Promise<unknown[]> =>
    Promise.all(requests.map((id) => request.run(id, () => call(id))));
  const contextHooks = (told: string[]): CacheHooks => ({
    onHit: ({ operation, key }) => told.push(`${operation} hit ${key} in ${request.getStore()}`),
    onSet: ({ operation, key }) => told.push(`${operation} set ${key} in ${request.getStore()}`),
    onError: ({ operation }) => told.push(`${operation} error in ${request.getStore()}`),
    onOperation: ({ operation }) => told.push(`${operation} in ${request.getStore()}`),
  });
  const ofEach = (...events: string[]): string[] =>
    requests.flatMap((id) => events.map((event) => `${event.replace('KEY', id)} in ${id}`));

  test('is that of its caller where hooks hear of it, whatever the round trip', async () => {
    const told: string[] = [];
    const hooks = contextHooks(told);
    const cache = new RedisCache(client, { prefix: `${uniqueName('hooks')}:`, ...PATIENT, hooks });
    await concurrently((id) => cache.set(id, id));
    await concurrently((id) => cache.get(id));
    await concurrently((id) => cache.set(id, id, { tags: ['t'] }));
    await concurrently((id) => cache.get(id));
    await concurrently(() => cache.get('').catch(() => undefined));
    expect(told).toEqual([
      ...ofEach('set set KEY', 'set'),
      ...ofEach('get hit KEY', 'get'),
      ...ofEach('set set KEY', 'set'),
      ...ofEach('get hit KEY', 'get'),
      ...ofEach('get error', 'get'),
    ]);
  });

  test('is that of its caller as soon as one of the hooks uses it, and each hook hears once', async () => {
    const told: string[] = [];
    const heard = { withIt: [] as string[], without: [] as string[] };
    const prefix = `${uniqueName('hooks')}:`;
    const hooks: CacheHooks[] = [
      { ...recordingHooks(heard.without, []), usesAsyncContext: false },
      recordingHooks(heard.withIt, []),
      contextHooks(told),
    ];
    const cache = new RedisCache(client, { prefix, ...PATIENT, hooks });
    await concurrently((id) => cache.set(id, id));
    await concurrently((id) => cache.get(id));
    expect(told).toEqual([...ofEach('set set KEY', 'set'), ...ofEach('get hit KEY', 'get')]);
    expect(heard.without).toEqual([
      ...requests.flatMap((id) => [`set set ${id}`, 'set done']),
      ...requests.flatMap((id) => [`hit get ${id}`, 'get hit']),
    ]);
    expect(heard.withIt).toEqual(heard.without);
  });

  test('does not change what hooks hear of calls, whether they use it or not', async () => {
    const logs: string[][] = [];
    for (const usesAsyncContext of [true, false]) {
      const { cache, prefix, log } = newCache(usesAsyncContext);
      logs.push(log);
      await client.set(`${prefix}damaged`, '{');
      await Promise.all([cache.get('k1'), cache.set('k2', 2), cache.get('k2'), cache.set('k3', 3, { tags: ['t'] })]);
      await Promise.all(['', 'k1', 'k2', 'k3', 'damaged'].map((key) => cache.get(key).catch(() => undefined)));
      await Promise.all([cache.mget(['k1', 'k2']), cache.set('k4', 4), cache.removeItem('k2'), cache.exists('k4')]);
      await Promise.all([cache.getOrLease('k5'), cache.get('k4'), cache.set('k4', undefined as never).catch(() => {})]);
      await cache.invalidateTags(['t']);
      await Promise.all([cache.get('k3'), cache.get('k4')]);
      log.sort();
    }
    expect(logs[0]).toHaveLength(37);
    expect(logs[1]).toEqual(logs[0]);
  });
});

describe.each([true, false])('The size of a payload, with hooks whose usesAsyncContext is %s,', (usesAsyncContext) => {
  /** JSON of 7 units and 12 bytes, as UTF-8 has them. */
  const text = 'é€😀a';
  const textBytes = 12;

  interface Measured {
    readonly cache: RedisCache;
    readonly prefix: string;
    /** What was told since it was looked at last. */
    readonly told: () => string[];
  }

  function measured(serializer?: Serializer): Measured {
    let told: string[] = [];
    const prefix = `${uniqueName('sizes')}:`;
    const hooks: CacheHooks = {
      usesAsyncContext,
      onHit: ({ operation, key, payloadBytes }) => told.push(`hit ${operation} ${key} ${payloadBytes}`),
      onMiss: (event) => told.push(`miss ${event.operation} ${event.key}${'payloadBytes' in event ? ' sized' : ''}`),
      onSet: ({ operation, key, payloadBytes }) => told.push(`set ${operation} ${key} ${payloadBytes}`),
    };
    const cache = new RedisCache(client, { prefix, ...PATIENT, hooks, ...(serializer && { serializer }) });
    const take = (): string[] => {
      const taken = told;
      told = [];
      return taken;
    };
    return { cache, prefix, told: take };
  }

  async function granted(cache: RedisCache, key: string): Promise<Lease> {
    const entry = await cache.getOrLease(key);
    if (!('lease' in entry) || entry.lease === undefined) throw new Error('No lease was granted.');
    return entry.lease;
  }

  test('is that of its bytes, not of its characters', async () => {
    const { cache, prefix, told } = measured();
    await cache.set('k', text);
    expect(await cache.get('k')).toBe(text);
    await cache.mset([
      ['k2', text],
      ['k3', 1],
    ]);
    expect(await cache.setWithNx('k4', text)).toBe(true);
    expect(await cache.setWithNx('k4', 'other')).toBe(false);
    expect(told()).toEqual([
      ...[`set set k ${textBytes}`, `hit get k ${textBytes}`],
      ...[`set mset k2 ${textBytes}`, 'set mset k3 1', `set setWithNx k4 ${textBytes}`],
    ]);
    for (const key of ['k', 'k2', 'k4']) expect(await client.strLen(prefix + key)).toBe(textBytes);
  });

  test('is told of each key of a batch that is found, wherever the others are', async () => {
    const { cache, told } = measured();
    await cache.mset([
      ['a', 'a'],
      ['bbb', 'bbb'],
    ]);
    told();
    await cache.mget(['none', 'bbb', 'a', 'bbb']);
    expect(told()).toEqual(['miss mget none', 'hit mget bbb 5', 'hit mget a 3', 'hit mget bbb 5']);
    await cache.getEntries(['none', 'bbb', 'a', 'bbb']);
    expect(told()).toEqual([
      ...['miss getEntries none', 'hit getEntries bbb 5', 'hit getEntries a 3', 'hit getEntries bbb 5'],
    ]);
  });

  test('is that of its own item in batches of several waves', async () => {
    const { cache, told } = measured();
    const keys = Array.from({ length: 8_200 }, (_, index) => `k${index}`);
    const sizes = keys.map((_, index) => (index % 50) + 2);
    await cache.mset(keys.map((key, index) => [key, 'x'.repeat(index % 50)]));
    expect(told()).toEqual(keys.map((key, index) => `set mset ${key} ${sizes[index]}`));
    await cache.mget(keys);
    expect(told()).toEqual(keys.map((key, index) => `hit mget ${key} ${sizes[index]}`));
    await cache.getEntries(keys);
    expect(told()).toEqual(keys.map((key, index) => `hit getEntries ${key} ${sizes[index]}`));
    await cache.clear();
  });

  test('has nothing of tags and frames', async () => {
    const { cache, prefix, told } = measured();
    await cache.set('k', text, { tags: ['some', 'tags'] });
    await cache.mset([['k2', text]], { tags: ['t'] });
    await cache.get('k');
    await cache.mget(['k', 'k2']);
    await cache.getEntries(['k']);
    await cache.getOrLease('k');
    expect(told()).toEqual([
      ...[`set set k ${textBytes}`, `set mset k2 ${textBytes}`, `hit get k ${textBytes}`],
      ...[`hit mget k ${textBytes}`, `hit mget k2 ${textBytes}`],
      ...[`hit getEntries k ${textBytes}`, `hit getOrLease k ${textBytes}`],
    ]);
    expect(await client.strLen(`${prefix}k`)).toBeGreaterThan(textBytes + 97);
    await cache.invalidateTags(['t']);
    await cache.mget(['k', 'k2']);
    expect(told()).toEqual([`hit mget k ${textBytes}`, 'miss mget k2']);
  });

  test('is told of what a lease fills, and of no stale copy and no negative entry', async () => {
    const { cache, told } = measured();
    const filled = { tags: ['t'], staleInSeconds: 60, loadDurationMs: 3 };
    for (const [key, value, options] of [
      ['plain', text, {}],
      ['framed', text, filled],
      ['absent', ABSENT, {}],
    ] as const) {
      await cache.fill(await granted(cache, key), value, options);
      await cache.getOrLease(key);
    }
    const expected = ['plain', 'framed'].flatMap((key) => [
      ...[`miss getOrLease ${key}`, `set fill ${key} ${textBytes}`, `hit getOrLease ${key} ${textBytes}`],
    ]);
    const absent = ['miss getOrLease absent', 'set fill absent undefined', 'hit getOrLease absent undefined'];
    expect(told()).toEqual([...expected, ...absent]);
    await cache.expireItem('framed');
    expect(await cache.getEntries(['framed'])).toMatchObject([{ state: 'stale', value: text }]);
    await cache.getOrLease('framed');
    expect(told()).toEqual(['miss getEntries framed', 'miss getOrLease framed']);
  });

  test.each([
    ['at once', binaryJson],
    [
      'in its own time',
      {
        ...binaryJson,
        serialize: async (value: unknown) => binaryJson.serialize(value),
        deserialize: async (bytes: Uint8Array) => binaryJson.deserialize(bytes),
      },
    ],
  ])('is that of the bytes of a serializer that gives them %s', async (_, serializer) => {
    const { cache, prefix, told } = measured(serializer);
    const bytes = textBytes + 1;
    await cache.set('k', text);
    await cache.mset([['k2', text]], { tags: ['t'] });
    await cache.setWithNx('k3', text);
    await cache.fill(await granted(cache, 'k4'), text);
    expect(told()).toEqual([
      ...[`set set k ${bytes}`, `set mset k2 ${bytes}`, `set setWithNx k3 ${bytes}`],
      ...['miss getOrLease k4', `set fill k4 ${bytes}`],
    ]);
    await cache.get('k');
    await cache.mget(['k', 'k2', 'k3', 'k4']);
    await cache.getEntries(['k']);
    expect(told()).toEqual([
      ...[`hit get k ${bytes}`, ...['k', 'k2', 'k3', 'k4'].map((key) => `hit mget ${key} ${bytes}`)],
      `hit getEntries k ${bytes}`,
    ]);
    expect(await client.strLen(`${prefix}k`)).toBeGreaterThan(bytes);
  });

  test('is told too of a call that waits for its key, and of nothing that cannot be read', async () => {
    const { cache, prefix, told } = measured();
    await client.set(`${prefix}damaged`, '{');
    await Promise.all([cache.set('k', 'first', { tags: ['t'] }), cache.get('k'), cache.set('k', text), cache.get('k')]);
    expect(told().sort()).toEqual(['hit get k 12', 'hit get k 7', 'set set k 12', 'set set k 7']);
    await cache.get('damaged');
    expect(told()).toEqual(['miss get damaged']);
  });

  test('is summed up by CacheStatistics', async () => {
    class Statistics extends CacheStatistics {
      override readonly usesAsyncContext = usesAsyncContext;
    }
    const statistics = new Statistics();
    const prefix = `${uniqueName('sizes')}:`;
    const cache = new RedisCache(client, { name: 'summed', prefix, ...PATIENT, hooks: statistics });
    await cache.set('k', text);
    await cache.mset([['k2', text]], { tags: ['t'] });
    await cache.get('k');
    await cache.mget(['k', 'none', 'k2']);
    const [snapshot] = statistics.snapshot();
    expect(snapshot).toMatchObject({ cache: 'summed', backend: 'redis', hits: 3, misses: 1, sets: 2 });
    expect(snapshot?.payloadBytes).toBe(5 * textBytes);
  });
});
