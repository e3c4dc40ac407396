import { type AsyncCache, type AtomicCache, type IterableCache, toAsync } from '@cache/core';
import { InMemoryCache } from '@cache/memory';
import { DatabaseCache, migrate } from '@cache/postgres';
import { RedisCache } from '@cache/redis';
import { createCache } from '@cache/stack';
import { databaseUrl, redisUrl, uniqueName } from '@cache/test-servers';
import postgres from 'postgres';
import { createClient } from 'redis';

/** These tests are not about deadlines: a busy machine is no failure. */
const PATIENT = { readTimeoutMs: 30_000, writeTimeoutMs: 30_000 } as const;

/** A cache of the tests' own, in real time. */
export interface Backend extends AsyncDisposable {
  readonly cache: AsyncCache & AtomicCache & IterableCache;
}

async function openRedis(): Promise<Backend> {
  const client = createClient({ url: redisUrl() });
  await client.connect();
  const cache = new RedisCache(client, { prefix: `${uniqueName('coordination')}:`, ...PATIENT });
  return {
    cache,
    [Symbol.asyncDispose]: async () => {
      await cache.clear();
      await cache.close();
      client.destroy();
    },
  };
}

/** Every backend by its name. */
export const BACKENDS: Readonly<Record<string, () => Promise<Backend>>> = {
  'InMemoryCache as it is': async () => {
    const cache = new InMemoryCache();
    return { cache: cache as unknown as Backend['cache'], [Symbol.asyncDispose]: async () => cache.close() };
  },

  'toAsync(InMemoryCache)': async () => {
    const cache = toAsync(new InMemoryCache());
    return { cache, [Symbol.asyncDispose]: () => cache.close() };
  },

  RedisCache: openRedis,

  DatabaseCache: async () => {
    const sql = postgres(databaseUrl(), { max: 4, onnotice: () => {} });
    const schema = uniqueName('coordination');
    await sql.unsafe(`CREATE SCHEMA ${schema}`);
    await migrate(sql, { schema });
    return {
      cache: new DatabaseCache(sql, { schema, ...PATIENT }),
      [Symbol.asyncDispose]: async () => {
        await sql.unsafe(`DROP SCHEMA ${schema} CASCADE`);
        await sql.end({ timeout: 1 });
      },
    };
  },

  'a stack of memory and Redis': async () => {
    const redis = await openRedis();
    const cache = createCache({ l1: new InMemoryCache(), l2: redis.cache });
    return {
      cache,
      [Symbol.asyncDispose]: async () => {
        await cache.close();
        await redis[Symbol.asyncDispose]();
      },
    };
  },
};
