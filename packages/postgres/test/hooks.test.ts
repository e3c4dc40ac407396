import { ABSENT, type BinarySerializer, type CacheHooks, CacheStatistics, type Lease } from '@cache/core';
import { DatabaseCache, type DatabaseCacheOptions } from '@cache/postgres';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type OwnSchema, ownSchema } from './own-schema.ts';

let own: OwnSchema;

beforeAll(async () => {
  own = await ownSchema('hooks');
});

afterAll(async () => {
  await own[Symbol.asyncDispose]();
});

/** Bytes of UTF-16, so that no other way of counting gives the same. */
const utf16: BinarySerializer = {
  format: 'binary',
  serialize: (value) => Buffer.from(`~${JSON.stringify(value)}`, 'utf16le'),
  deserialize: (payload) => JSON.parse(Buffer.from(payload).toString('utf16le').slice(1)),
};

const later: BinarySerializer = {
  format: 'binary',
  serialize: async (value) => utf16.serialize(value),
  deserialize: async (payload) => utf16.deserialize(payload),
};

const text = 'grüße';

describe.each([
  ['JSON', undefined, Buffer.byteLength(JSON.stringify(text))],
  ['bytes', utf16, 2 * (1 + JSON.stringify(text).length)],
  ['bytes-made-later', later, 2 * (1 + JSON.stringify(text).length)],
] as const)('the size of a payload that is %s', (name, serializer, bytes) => {
  function cacheWith(hooks: CacheHooks): DatabaseCache {
    const timeouts: DatabaseCacheOptions = { readTimeoutMs: 10_000, writeTimeoutMs: 10_000 };
    const namespace = name;
    return new DatabaseCache(own.sql, {
      schema: own.schema,
      namespace,
      ...timeouts,
      hooks,
      ...(serializer && { serializer }),
    });
  }

  function measured() {
    let told: string[] = [];
    const cache = cacheWith({
      onHit: ({ operation, key, payloadBytes }) => told.push(`hit ${operation} ${key} ${payloadBytes}`),
      onMiss: (event) => told.push(`miss ${event.operation} ${event.key}${'payloadBytes' in event ? ' sized' : ''}`),
      onSet: ({ operation, key, payloadBytes }) => told.push(`set ${operation} ${key} ${payloadBytes}`),
    });
    const take = (): string[] => {
      const taken = told;
      told = [];
      return taken;
    };
    return { cache, told: take };
  }

  async function granted(cache: DatabaseCache, key: string): Promise<Lease> {
    const entry = await cache.getOrLease(key);
    if (!('lease' in entry) || entry.lease === undefined) throw new Error('No lease was granted.');
    return entry.lease;
  }

  test('is told of what is stored', async () => {
    const { cache, told } = measured();
    await cache.set('k', text);
    await cache.mset([
      ['k2', text],
      ['k3', `${text}${text}`],
    ]);
    await cache.setWithNx('k4', text);
    expect(told()).toEqual([
      ...[`set set k ${bytes}`, `set mset k2 ${bytes}`],
      expect.stringMatching(/^set mset k3 \d+$/),
      `set setWithNx k4 ${bytes}`,
    ]);
    await cache.fill(await granted(cache, 'k5'), text);
    await cache.fill(await granted(cache, 'k6'), ABSENT);
    expect(told()).toEqual(['miss getOrLease k5', `set fill k5 ${bytes}`, 'miss getOrLease k6']);
  });

  test('is told of what is found, each key its own, and of nothing else', async () => {
    const { cache, told } = measured();
    await cache.mset([
      ['f', text],
      ['g', text.slice(0, -1)],
    ]);
    told();
    expect(await cache.get('f')).toBe(text);
    const few = text.slice(0, -1);
    expect(await cache.mget(['g', 'nobody has this', 'f', 'g'])).toEqual([few, undefined, text, few]);
    await cache.getEntries(['g', 'nobody has this', 'f', 'g']);
    await cache.getOrLease('f');
    const less = bytes - (serializer === undefined ? 1 : 2);
    const keys = [`g ${less}`, `f ${bytes}`, `g ${less}`];
    expect(told()).toEqual([
      `hit get f ${bytes}`,
      ...[`hit mget ${keys[0]}`, 'miss mget nobody has this', `hit mget ${keys[1]}`, `hit mget ${keys[2]}`],
      ...[`hit getEntries ${keys[0]}`, 'miss getEntries nobody has this'],
      ...[`hit getEntries ${keys[1]}`, `hit getEntries ${keys[2]}`],
      `hit getOrLease f ${bytes}`,
    ]);
  });

  test('is summed up by CacheStatistics', async () => {
    const statistics = new CacheStatistics();
    const cache = cacheWith(statistics);
    await cache.mset([
      ['s', text],
      ['t', text],
    ]);
    await cache.mget(['s', 'none', 't']);
    const [snapshot] = statistics.snapshot();
    expect(snapshot).toMatchObject({ hits: 2, misses: 1, sets: 2, payloadBytes: 4 * bytes });
  });
});
