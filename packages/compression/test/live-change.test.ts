import { compressed } from '@cache/compression';
import { type JsonSerializer, jsonSerializer, mixedFormats, type Serializer } from '@cache/core';
import { msgpackSerializer } from '@cache/msgpack';
import { richJsonSerializer } from '@cache/rich-json';
import { createCache } from '@cache/stack';
import { uniqueName } from '@cache/test-servers';
import { v8Serializer } from '@cache/v8-serializer';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { ALGORITHMS, optionsFor } from './algorithms.ts';
import { type OwnSchema, ownSchema } from './own-schema.ts';
import { client, databaseItems, redisItems, type StoredItems } from './stored-items.ts';

let own: OwnSchema;

beforeAll(async () => {
  own = await ownSchema('change');
  await client.connect();
});

afterAll(async () => {
  await client.close();
  await own[Symbol.asyncDispose]();
});

const STORES: Readonly<Record<string, () => StoredItems>> = {
  Redis: () => redisItems(`${uniqueName('change')}:`),
  PostgreSQL: () => databaseItems(own, uniqueName('change')),
};

const json: JsonSerializer = jsonSerializer();
const binary = msgpackSerializer();
const gzip = compressed(mixedFormats(binary, json), { thresholdBytes: 100, asyncAboveBytes: 1_000 });
const value = { text: 'what repeats '.repeat(100), odd: ['\u0000', -0, 0.1] };

describe.each(Object.keys(STORES))('On %s', (store) => {
  test('a cache goes from JSON to MessagePack to compressed MessagePack and back to JSON, and every item is read at every step', async () => {
    const items = STORES[store]?.() as StoredItems;
    const steps: readonly (readonly [string, Serializer])[] = [
      ['plain JSON', json],
      ['both are read', mixedFormats(json, binary)],
      ['MessagePack is written', mixedFormats(binary, json)],
      ['MessagePack is compressed', gzip],
      ['MessagePack again', mixedFormats(binary, gzip)],
      ['JSON again', mixedFormats(json, gzip)],
    ];
    const written: string[] = [];
    for (const [step, serializer] of steps) {
      const cache = items.open(serializer);
      for (const [name, item] of [
        ['long', value],
        ['short', 'x'],
        ['counter', 41],
      ] as const) {
        await cache.set(`${step} ${name}`, item, null);
        written.push(`${step} ${name}`);
      }
      await cache.increment(`${step} counter`);
      const stack = createCache({ l2: cache });
      for (const key of written) {
        const expected = key.endsWith('long') ? value : key.endsWith('short') ? 'x' : 42;
        expect(await cache.get(key)).toStrictEqual(expected);
        expect(await stack.getOrSet(key, () => 'loaded')).toStrictEqual(expected);
      }
      await stack.close();
    }
  });

  test('short JSON stays as it is, whoever reads it', async () => {
    const items = STORES[store]?.() as StoredItems;
    await items.open(compressed(json)).set('k', { a: 1 });
    expect(JSON.parse(String(await items.payloadOf('k')))).toEqual({ a: 1 });
    expect(await items.open(json).get('k')).toEqual({ a: 1 });
    await items.open(compressed(json)).set('k', value);
    expect((await items.payloadOf('k'))?.[0]).toBe(0xf3);
  });

  test('a value comes back equal, whatever JSON it is, whichever algorithm wrote it, with tags or without', async () => {
    const items = STORES[store]?.() as StoredItems;
    const caches = ALGORITHMS.map((algorithm) =>
      items.open(compressed(json, { ...optionsFor(algorithm), thresholdBytes: 30, asyncAboveBytes: 300 })),
    );
    const repeated = fc
      .tuple(fc.jsonValue(), fc.integer({ min: 1, max: 40 }))
      .map(([item, times]) => Array(times).fill(item));
    await fc.assert(
      fc.asyncProperty(repeated, fc.nat(caches.length - 1), fc.subarray(['t', 'u']), async (item, writer, tags) => {
        await caches[writer]?.set('k', item, { tags });
        const exact = json.deserialize(await json.serialize(item));
        for (const cache of caches) expect(await cache.get('k')).toStrictEqual(exact);
      }),
      { numRuns: 60 },
    );
  });

  test('every serializer of these packages can be compressed', async () => {
    const items = STORES[store]?.() as StoredItems;
    const dates = {
      map: new Map([['day', new Date(0)]]),
      list: Array.from({ length: 300 }, (_, id) => ({ id, big: 1n })),
    };
    const key = 'a key of thirty-two bytes or more, for a test';
    for (const inner of [msgpackSerializer(), richJsonSerializer(), v8Serializer({ key })]) {
      const cache = items.open(compressed(inner, { algorithm: 'brotli' }));
      await cache.set('k', dates);
      expect((await items.payloadOf('k'))?.[0]).toBe(0xf3);
      expect(await cache.get('k')).toStrictEqual(dates);
      await cache.set('k', [new Date(0)]);
      expect((await items.payloadOf('k'))?.[0]).not.toBe(0xf3);
      expect(await cache.get('k')).toStrictEqual([new Date(0)]);
    }
  });

  test('what is compressed can be compared, counted on and set if absent', async () => {
    const items = STORES[store]?.() as StoredItems;
    const cache = items.open(compressed(json, { asyncAboveBytes: 0 }));
    expect(await cache.setWithNx('k', value)).toBe(true);
    expect(await cache.setWithNx('k', value)).toBe(false);
    expect(await cache.removeIfEquals('k', { ...value, more: 1 })).toBe(false);
    expect(await cache.removeIfEquals('k', value)).toBe(true);
    expect(await cache.increment('k', 7)).toBe(7);
    expect(await cache.get('k')).toBe(7);
  });
});
