import { type CacheErrorEvent, CacheStatistics, hasErrorCode } from '@cache/core';
import { RedisCache } from '@cache/redis';
import { redisUrl, uniqueName } from '@cache/test-servers';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { createClient } from 'redis';
import { binaryJson } from './binary-json.ts';
import { PATIENT } from './patience.ts';

const client = createClient({ url: redisUrl() });
beforeAll(() => client.connect());
afterAll(() => client.close());

const prefix = `${uniqueName('stored')}:`;
const errors: CacheErrorEvent[] = [];
const hooks = { onError: (event: CacheErrorEvent) => errors.push(event) };
const cache = new RedisCache(client, { prefix, hooks, ...PATIENT });
const binary = new RedisCache(client, { prefix, hooks, serializer: binaryJson, ...PATIENT });

describe('What is stored', () => {
  test('is plain JSON under prefix + key, with its lifetime as the TTL', async () => {
    await cache.set('plain', { a: [1, 'two'] }, 60);
    expect(await client.get(`${prefix}plain`)).toBe('{"a":[1,"two"]}');
    expect(await client.pTTL(`${prefix}plain`)).toBeGreaterThan(59_000);
    await cache.set('forever', 'x', null);
    expect(await client.pTTL(`${prefix}forever`)).toBe(-1);
    await cache.increment('counter', 41);
    expect(await client.incr(`${prefix}counter`)).toBe(42);
    expect(await cache.get('counter')).toBe(42);
  });

  test.each([
    ['ASCII', 'x'],
    ['Latin-1', 'é'],
    ['Chinese', '漢'],
    ['emoji', '🜁'],
    ['half a surrogate', '\ud83d'],
  ])('is UTF-8 however long it is: %s', async (_, character) => {
    const value = { text: character.repeat(20_000) };
    await cache.set('long', value);
    expect(await client.get(`${prefix}long`)).toBe(JSON.stringify(value));
    expect(await cache.get('long')).toEqual(value);
  });

  test('may come from another program, white space and all', async () => {
    for (const text of ['"text"', '17', ' \n\t{"a": 1}\r\n', 'true', '[]', '\n"x"', '-0', '1e3']) {
      await client.set(`${prefix}foreign`, text);
      expect(await cache.get('foreign')).toEqual(JSON.parse(text));
      expect(await binary.get('foreign')).toEqual(JSON.parse(text));
      expect(await cache.getEntries(['foreign'])).toEqual([
        {
          state: 'fresh',
          value: JSON.parse(text),
          ageInSeconds: undefined,
          remainingInSeconds: null,
          loadDurationMs: undefined,
          tags: [],
        },
      ]);
    }
  });

  test.each(['', 'hello', '{"a":', 'null', '\x01', '\x01short', `\x01${'-'.repeat(120)}`, `\x01${'z'.repeat(200)}`])(
    'that cannot be read (%j) is a miss, told of, and gone',
    async (text) => {
      for (const reader of [cache, binary]) {
        for (const read of [
          async () => reader.get('bad'),
          async () => (await reader.mget(['good', 'bad']))[1],
          async () => reader.inspect('bad'),
        ]) {
          await cache.set('good', 'good');
          await client.set(`${prefix}bad`, text);
          errors.length = 0;
          expect(await read()).toBeUndefined();
          expect(errors.map(({ error }) => error.code)).toEqual(['ERR_CACHE_CORRUPTION']);
          expect(await client.exists(`${prefix}bad`)).toBe(0);
          expect(await cache.get('good')).toBe('good');
        }
      }
    },
  );

  test('that is no UTF-8 is a miss and gone', async () => {
    await client.set(`${prefix}bytes`, Buffer.from([0xff, 0xfe, 0x00, 0x80]));
    expect(await cache.get('bytes')).toBeUndefined();
    expect(await client.exists(`${prefix}bytes`)).toBe(0);
  });

  test('that is no string is absent, and can be replaced and removed', async () => {
    const calls = {
      get: () => cache.get('hash'),
      mget: () => cache.mget(['hash', 'hash']),
      exists: () => cache.exists('hash'),
      getTtl: () => cache.getTtl('hash'),
      inspect: () => cache.inspect('hash'),
      removeIfEquals: () => cache.removeIfEquals('hash', 1),
    };
    await client.hSet(`${prefix}hash`, 'f', 'v');
    expect(await Promise.all(Object.values(calls).map((call) => call()))).toEqual([
      undefined,
      [undefined, undefined],
      false,
      undefined,
      undefined,
      false,
    ]);
    await expect(cache.increment('hash')).rejects.toMatchObject({ code: 'ERR_CACHE_VALUE' });
    const listed: string[] = [];
    for await (const key of cache.keys('hash')) listed.push(key);
    expect(listed).toEqual([]);
    expect(await cache.removeItem('hash')).toBe(false);
    expect(await client.exists(`${prefix}hash`)).toBe(0);
    await client.hSet(`${prefix}hash`, 'f', 'v');
    expect(await cache.setWithNx('hash', 'new')).toBe(true);
    expect(await cache.get('hash')).toBe('new');
  });

  test('as bytes is never taken for a frame, nor a frame for a value', async () => {
    await binary.set('b', { x: 1 }, 60);
    expect(await binary.get('b')).toEqual({ x: 1 });
    expect(await binary.getTtl('b')).toBeGreaterThan(59);
    expect(await cache.get('b')).toBeUndefined();
    await cache.set('t', '\x01looks like a frame', { tags: ['t'] });
    expect(await cache.get('t')).toBe('\x01looks like a frame');
    expect(await binary.get('t')).toBe('\x01looks like a frame');
  });

  test('comes back equal, whatever JSON it is and whatever the key', async () => {
    const key = fc
      .string({ unit: 'grapheme', minLength: 1, maxLength: 60 })
      .filter((text) => !text.includes('\0') && text.isWellFormed());
    const tags = fc.array(
      fc
        .string({ unit: 'binary', minLength: 1, maxLength: 8 })
        .filter((tag) => !tag.includes('\0') && tag.isWellFormed()),
      { maxLength: 3 },
    );
    const value = fc.jsonValue().filter((json) => json !== null);
    await fc.assert(
      fc.asyncProperty(key, value, tags, async (name, json, itemTags) => {
        for (const each of [cache, binary]) {
          await each.set(name, json as NonNullable<unknown>, { tags: itemTags });
          expect(await each.get(name)).toEqual(json);
          const [entry] = await each.getEntries([name]);
          expect(entry).toMatchObject({ state: 'fresh', value: json, tags: [...new Set(itemTags)] });
        }
      }),
      { numRuns: 150, seed: 20_261_122 },
    );
  }, 60_000);

  test('is counted once a call by the hooks, with its kind of outcome', async () => {
    const statistics = new CacheStatistics();
    const counted = new RedisCache(client, { prefix, hooks: statistics, name: 'counted', ...PATIENT });
    await counted.set('s', 1);
    await counted.get('s');
    await counted.get('none');
    await counted.mget(['s', 'none']);
    await counted.removeItem('s');
    expect(statistics.snapshot()).toMatchObject([
      { cache: 'counted', backend: 'redis', hits: 2, misses: 2, sets: 1, removals: 1, errors: 0 },
    ]);
  });

  test('is not read after a failure that names no values', async () => {
    const refused = await cache.set('big', 'x'.repeat(2_000_000)).catch((error: unknown) => error);
    expect(hasErrorCode(refused, 'ERR_CACHE_VALUE')).toBe(true);
    expect(refused).toMatchObject({ key: 'big', operation: 'set', backend: 'redis' });
  });
});
