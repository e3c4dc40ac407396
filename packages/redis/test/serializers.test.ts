import { setTimeout as sleep } from 'node:timers/promises';
import {
  CacheCorruptionError,
  type CacheErrorEvent,
  type JsonSerializer,
  jsonSerializer,
  type MixedSerializer,
  mixedFormats,
  type Serializer,
} from '@cache/core';
import { RedisCache } from '@cache/redis';
import { redisUrl, startProgram, uniqueName } from '@cache/test-servers';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { createClient } from 'redis';
import { flippedJson } from './flipped-json.ts';
import { PATIENT } from './patience.ts';

const client = createClient({ url: redisUrl() });
beforeAll(() => client.connect());
afterAll(() => client.close());

const json = jsonSerializer();
const bytes = flippedJson(0xf8);

function cacheWith(serializer: Serializer, prefix = `${uniqueName('serializers')}:`): RedisCache {
  return new RedisCache(client, { prefix, serializer, ...PATIENT });
}

describe('A cache of mixed formats', () => {
  test('reads what each format wrote, while the writer changes from JSON to bytes and back', async () => {
    const prefix = `${uniqueName('change')}:`;
    const stages: readonly (readonly [string, Serializer])[] = [
      ['json alone', json],
      ['json, reading both', mixedFormats(json, bytes)],
      ['bytes, reading both', mixedFormats(bytes, json)],
      ['bytes alone', bytes],
      ['bytes again', mixedFormats(bytes, json)],
      ['json again', mixedFormats(json, bytes)],
    ];
    const value = { text: 'ÄÖ \u0000 \ud83d\ude00', list: [1, 2.5, -0, null, true] };
    const stored = new Map<string, unknown>();
    await client.set(`${prefix}foreign`, ' {"by": "another program"} ');
    stored.set('foreign', { by: 'another program' });
    for (const [stage, serializer] of stages) {
      const cache = cacheWith(serializer, prefix);
      await cache.set(`${stage}: plain`, value);
      await cache.set(`${stage}: tagged`, value, { tags: ['t'] });
      await cache.mset([[`${stage}: batch`, value]]);
      const entry = await cache.getOrLease(`${stage}: filled`);
      if (entry.state !== 'missing' || entry.lease === undefined) throw new Error('No lease.');
      await cache.fill(entry.lease, value, { staleInSeconds: 60 });
      for (const kind of ['plain', 'tagged', 'batch', 'filled']) stored.set(`${stage}: ${kind}`, value);
    }
    for (const serializer of [mixedFormats(json, bytes), mixedFormats(bytes, json), mixedFormats(bytes)]) {
      const cache = cacheWith(serializer, prefix);
      const keys = [...stored.keys()];
      expect(await cache.mget(keys)).toStrictEqual([...stored.values()]);
      const entries = await cache.getEntries(keys);
      expect(entries.map((entry) => (entry.state === 'fresh' ? entry.value : entry.state))).toStrictEqual([
        ...stored.values(),
      ]);
      for (const [key, expected] of stored) {
        expect(await cache.get(key)).toStrictEqual(expected);
        expect((await cache.inspect(key))?.value).toStrictEqual(expected);
        expect(await cache.getOrLease(key)).toMatchObject({ state: 'fresh', value: expected });
      }
    }
  });

  test('stores the text of its serializer as plain JSON, and bytes that say what they are as they are', async () => {
    const prefix = `${uniqueName('plain')}:`;
    const hex = async (key: string): Promise<string> => {
      const script = `return redis.call('GET', KEYS[1]):gsub('.', function(byte) return string.format('%02x', byte:byte()) end)`;
      return String(await client.eval(script, { keys: [`${prefix}${key}`] }));
    };
    const payload = Buffer.from((await bytes.serialize({ a: 1 })) as Uint8Array).toString('hex');
    await cacheWith(mixedFormats(json, bytes), prefix).set('text', { a: 1 });
    await cacheWith(mixedFormats(bytes, json), prefix).set('bytes', { a: 1 });
    await cacheWith(bytes, prefix).set('bytes alone', { a: 1 });
    const { formatByte: _, ...unmarked } = bytes;
    await cacheWith(unmarked, prefix).set('unmarked', { a: 1 });
    expect(await client.get(`${prefix}text`)).toBe('{"a":1}');
    expect(await hex('bytes')).toBe(payload);
    expect(await hex('bytes alone')).toBe(payload);
    expect(await hex('unmarked')).toMatch(new RegExp(`^01(..){96}${payload}$`));
    for (const key of ['bytes', 'bytes alone', 'unmarked']) {
      expect(await cacheWith(bytes, prefix).get(key)).toEqual({ a: 1 });
      expect(await cacheWith(bytes, prefix).getTtl(key)).toBeGreaterThan(299);
      await expect(cacheWith(bytes, prefix).increment(key)).rejects.toMatchObject({ code: 'ERR_CACHE_VALUE' });
      expect(await cacheWith(bytes, prefix).removeIfEquals(key, { a: 1 })).toBe(true);
    }
  });

  test('counts on what any format stored', async () => {
    const prefix = `${uniqueName('counters')}:`;
    const caches = [json, bytes, mixedFormats(bytes, json), mixedFormats(json, bytes)].map((serializer) =>
      cacheWith(serializer, prefix),
    );
    for (const [index, cache] of caches.entries()) {
      await cache.set('n', 10 * index);
      for (const other of caches) await other.increment('n');
      for (const other of caches) expect(await other.get('n')).toBe(10 * index + caches.length);
    }
  });

  test('stores an integer as the serializer writes it, where it would not read plain JSON as that integer', async () => {
    const enveloped: JsonSerializer = {
      format: 'json',
      serialize: (value) => json.serialize({ v: 1, is: value }),
      deserialize: (payload) => {
        const envelope = json.deserialize(payload) as { v: number; is: unknown };
        if (envelope.v !== 1) throw new CacheCorruptionError('Another version.');
        return envelope.is;
      },
    };
    const later: JsonSerializer = { ...enveloped, deserialize: async (payload) => enveloped.deserialize(payload) };
    for (const inner of [enveloped, later]) {
      const cache = cacheWith(mixedFormats(inner, bytes));
      await cache.set('k', 7);
      expect(await cache.get('k')).toBe(7);
      await cache.mset([['k', 8]]);
      expect(await cache.get('k')).toBe(8);
    }
    for (const serializer of [mixedFormats(bytes, enveloped), mixedFormats(bytes, later)]) {
      const cache = cacheWith(serializer);
      await cache.set('k', 7);
      expect(await cache.get('k')).toBe(7);
      expect(await cache.removeIfEquals('k', 7)).toBe(true);
    }
    const slowly: JsonSerializer = { ...json, deserialize: async (payload) => json.deserialize(payload) };
    const counting = cacheWith(mixedFormats(bytes, slowly));
    await counting.set('n', 7);
    expect(await counting.increment('n')).toBe(8);
  });

  test('takes bytes of a format that it does not read for damage, and says so', async () => {
    const prefix = `${uniqueName('unknown')}:`;
    const errors: CacheErrorEvent[] = [];
    const cache = new RedisCache(client, {
      prefix,
      serializer: mixedFormats(json, bytes),
      hooks: { onError: (event) => void errors.push(event) },
      ...PATIENT,
    });
    await cacheWith(flippedJson(0xf9), prefix).set('k', 'x');
    expect(await cache.get('k')).toBeUndefined();
    expect(errors.map(({ error }) => [error.code, error.message])).toEqual([
      ['ERR_CACHE_CORRUPTION', expect.stringContaining('a format that nobody here reads')],
    ]);
    expect(await client.exists(`${prefix}k`)).toBe(0);
  });
});

/** JSON or bytes, by chance of the value, each after a while that is shorter for later calls. */
function slow(): MixedSerializer {
  const mixed = mixedFormats(bytes, json);
  let waitMs = 20;
  return {
    ...mixed,
    serialize: async (value) => {
      waitMs = Math.max(0, waitMs - 4);
      await sleep(waitMs);
      return JSON.stringify(value).length % 2 === 0 ? mixed.serialize(value) : json.serialize(value);
    },
    deserialize: async (payload) => {
      await sleep(1);
      return mixed.deserialize(payload);
    },
  };
}

describe('A serializer that takes its time', () => {
  test('does not change the order of calls on one key, whatever the calls are', async () => {
    const step = fc.constantFrom('set', 'tagged', 'mset', 'nx', 'remove', 'removeIfEquals', 'setTtlIfEquals', 'get');
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 2, maxLength: 8 }), async (steps) => {
        const cache = cacheWith(slow());
        const expected: unknown[] = [];
        let model: string | undefined;
        const calls = steps.map((call, index) => {
          const value = 'v'.repeat(index + 1);
          switch (call) {
            case 'set':
            case 'tagged':
              model = value;
              expected.push(undefined);
              return cache.set('k', value, call === 'set' ? 60 : { tags: ['t'] });
            case 'mset':
              model = value;
              expected.push(undefined);
              return cache.mset([
                ['other', index],
                ['k', value],
              ]);
            case 'nx':
              expected.push(model === undefined);
              model ??= value;
              return cache.setWithNx('k', value);
            case 'remove':
              expected.push(model !== undefined);
              model = undefined;
              return cache.removeItem('k');
            case 'removeIfEquals': {
              const compared = model ?? value;
              expected.push(model !== undefined);
              model = undefined;
              return cache.removeIfEquals('k', compared);
            }
            case 'setTtlIfEquals':
              expected.push(model !== undefined);
              return cache.setTtlIfEquals('k', model ?? value, 60);
            default:
              expected.push(model);
              return cache.get('k');
          }
        });
        expect(await Promise.all(calls)).toEqual(expected);
        expect(await cache.get('k')).toBe(model);
      }),
      { numRuns: 60, seed: 20_261_122 },
    );
  });

  test('lets a fill be followed by what was called after it', async () => {
    const cache = cacheWith(slow());
    const entry = await cache.getOrLease('k');
    if (entry.state !== 'missing' || entry.lease === undefined) throw new Error('No lease.');
    const [filled, seen] = await Promise.all([cache.fill(entry.lease, 'filled'), cache.get('k')]);
    expect([filled, seen]).toEqual([true, 'filled']);
  });

  test('that refuses a value rejects that call alone, and leaves no rejection unhandled', async () => {
    const program = new URL('./programs/refuse-values.ts', import.meta.url);
    await using refusing = startProgram(program, redisUrl(), `${uniqueName('refused')}:`);
    expect(await refusing.ask('refuse')).toEqual([
      'nothing',
      ...Array.from({ length: 5 }, () => 'ERR_CACHE_VALUE'),
      'slow',
      'nothing',
    ]);
    expect(await refusing.end()).toEqual({ code: 0, signal: null, stderr: '' });
  });

  test('may give nothing that can be stored: an error of a named kind', async () => {
    for (const [format, payload] of [
      ['json', Buffer.from('1')],
      ['binary', '1'],
      ['mixed', undefined],
      ['mixed', 5],
      ['json', ''],
    ] as const) {
      for (const given of [payload, Promise.resolve(payload)]) {
        const broken = { ...json, format, formatBytes: [], serialize: () => given } as unknown as Serializer;
        await expect(cacheWith(broken).set('k', 'v')).rejects.toMatchObject({ code: 'ERR_CACHE_VALUE', key: 'k' });
      }
    }
  });
});
