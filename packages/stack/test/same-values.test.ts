import type { AsyncCache, BatchCache } from '@cache/core';
import { toAsync } from '@cache/core';
import { InMemoryCache } from '@cache/memory';
import { DatabaseCache, migrate } from '@cache/postgres';
import { RedisCache } from '@cache/redis';
import { createCache } from '@cache/stack';
import { databaseUrl, redisUrl, uniqueName } from '@cache/test-servers';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import postgres, { type Sql } from 'postgres';
import { createClient } from 'redis';

/** These tests are not about deadlines: a busy machine is no failure. */
const PATIENT = { readTimeoutMs: 10_000, writeTimeoutMs: 10_000 } as const;
const l2TimeoutMs = 30_000;

const client = createClient({ url: redisUrl() });
const name = uniqueName('values');
let sql: Sql;

beforeAll(async () => {
  sql = postgres(databaseUrl(), { max: 4, onnotice: () => {} });
  await sql.unsafe(`CREATE SCHEMA ${name}`);
  await migrate(sql, { schema: name });
  await client.connect();
});
afterAll(async () => {
  await sql.unsafe(`DROP SCHEMA ${name} CASCADE`);
  await sql.end({ timeout: 1 });
  await client.close();
});

const memory = () => new InMemoryCache({ maxSize: 10_000 });
const redis = () => new RedisCache(client, { prefix: `${name}:`, ...PATIENT });
const database = () => new DatabaseCache(sql, { schema: name, ...PATIENT });

/** Any JSON but `null`, with what is easily lost: -0, lone surrogates, U+0000, names that objects are born with. */
const json = fc
  .oneof(
    fc.jsonValue({ maxDepth: 4, noUnicodeString: false }),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.string({ unit: 'binary' }),
    fc.dictionary(fc.constantFrom('__proto__', 'constructor', 'toString', '\0', '\ud800', ''), fc.integer()),
  )
  .filter((value): value is NonNullable<unknown> => value !== null);

const key = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 60 })
  .filter((text) => !text.includes('\0') && text.isWellFormed());

type Shared = AsyncCache & BatchCache;

describe('Any JSON value under any key', () => {
  test.each<[string, () => Shared]>([
    ['Redis', redis],
    ['PostgreSQL', database],
    ['a stack over Redis', () => createCache({ l2: redis(), l2TimeoutMs })],
    ['a stack of memory and Redis', () => createCache({ l1: memory(), l2: redis(), l2TimeoutMs })],
    ['a stack of memory and PostgreSQL', () => createCache({ l1: memory(), l2: database(), l2TimeoutMs })],
  ])(
    'is in %s what it is in memory',
    async (_, create) => {
      const [cache, plain] = [create(), toAsync(memory())];
      await fc.assert(
        fc.asyncProperty(key, json, async (item, value) => {
          await Promise.all([cache.set(item, value), plain.set(item, value)]);
          const expected = await plain.get(item);
          expect(await cache.get(item)).toEqual(expected);
          expect(await cache.mget([item])).toEqual([expected]);
        }),
        { numRuns: 100, seed: 20_261_122 },
      );
    },
    60_000,
  );

  test.each([
    ['Redis', redis],
    ['PostgreSQL', database],
  ] as const)(
    'is read through %s as it was loaded, from whichever level it comes',
    async (_, create) => {
      const loading = createCache({ l1: memory(), l2: create(), l2TimeoutMs });
      await fc.assert(
        fc.asyncProperty(key, json, fc.boolean(), async (item, value, hasWindow) => {
          await loading.removeItem(item);
          // Another process: what it gives came through the server.
          const reading = createCache({ l1: memory(), l2: create(), l2TimeoutMs });
          const options = hasWindow ? { staleInSeconds: 60, tags: ['t'] } : {};
          expect(await loading.getOrSet(item, () => value, options)).toEqual(value);
          const never = (): never => {
            throw new Error('It was stored.');
          };
          expect(await loading.getOrSet(item, never)).toEqual(value);
          expect(await reading.getOrSet(item, never)).toEqual(value);
          expect(await reading.getOrSet(item, never)).toEqual(value);
          await reading.close();
        }),
        { numRuns: 60, seed: 20_261_122 },
      );
      await loading.close();
    },
    60_000,
  );
});

describe('row 17: what a caller changes in a value is changed for nobody else by', () => {
  const given = () => ({ list: [1, { deep: true }], text: 'a' });
  const spoil = (value: unknown): void => {
    const { list } = value as ReturnType<typeof given>;
    list.push(2);
    (list[1] as { deep: boolean }).deep = false;
  };

  test.each<[string, () => Shared]>([
    ['Redis', redis],
    ['PostgreSQL', database],
    ['a stack over Redis', () => createCache({ l2: redis(), l2TimeoutMs })],
    ['a stack over PostgreSQL', () => createCache({ l2: database(), l2TimeoutMs })],
  ])('%s, which gives each read a copy', async (_, create) => {
    const cache = create();
    const stored = given();
    const key = uniqueName('copy');
    const storing = cache.set(key, stored);
    spoil(stored);
    await storing;
    for (const read of [() => cache.get(key), () => cache.mget([key])]) {
      const [value] = [await read()].flat();
      expect(value).toEqual(given());
      spoil(value);
    }
    expect(await cache.get(key)).toEqual(given());
  });

  test.each([
    ['Redis', redis],
    ['PostgreSQL', database],
  ] as const)('%s, even among calls that it answers together', async (_, create) => {
    const cache = create();
    const key = uniqueName('copy');
    await cache.set(key, given());
    const values = await Promise.all([cache.get(key), cache.get(key), cache.mget([key, key])]);
    for (const value of values.flat()) {
      expect(value).toEqual(given());
      spoil(value);
    }
  });

  test.each([
    ['Redis', redis],
    ['PostgreSQL', database],
  ] as const)('the second level %s, though a first level shares its references', async (_, create) => {
    const [own, others] = [
      createCache({ l1: memory(), l2: create(), l2TimeoutMs }),
      createCache({ l1: memory(), l2: create(), l2TimeoutMs }),
    ];
    const key = uniqueName('copy');
    const loaded = await own.getOrSet(key, given);
    spoil(loaded);
    spoil(await own.get(key));
    expect(await others.get(key)).toEqual(given());
    expect(await create().get(key)).toEqual(given());
    await Promise.all([own.close(), others.close()]);
  });
});
