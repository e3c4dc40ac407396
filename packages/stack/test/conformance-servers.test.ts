import { type CreateCacheOptions, describeCache, EVERY_CAPABILITY } from '@cache/conformance';
import type { CacheHooks, InvalidationBus } from '@cache/core';
import { InMemoryCache } from '@cache/memory';
import { DatabaseCache, migrate, postgresBus } from '@cache/postgres';
import { RedisCache, redisBus } from '@cache/redis';
import { createCache, type NearCache, type StackCache, type StackOptions } from '@cache/stack';
import { databaseUrl, redisUrl, uniqueName } from '@cache/test-servers';
import { afterAll, beforeAll } from '@jest/globals';
import postgres, { type Sql } from 'postgres';
import { createClient } from 'redis';

/** These tests are not about deadlines: a busy machine is no failure. */
const PATIENT = { readTimeoutMs: 10_000, writeTimeoutMs: 10_000, maxPending: 50_000 } as const;
const contract = { capabilities: EVERY_CAPABILITY, values: 'json' } as const;
/** With a first level others see a change within the bus's latency, not at once: the coherence check measures it. */
const nearContract = { capabilities: { ...EVERY_CAPABILITY, shared: false }, values: 'json' } as const;

/** Buses that a stack was made with end with it. */
const buses = new WeakMap<object, InvalidationBus>();
const dispose = async (cache: unknown): Promise<void> => {
  await (cache as StackCache).close();
  await buses.get(cache as object)?.close();
};

function withBus(bus: InvalidationBus, options: StackOptions): StackCache {
  const cache = createCache({ ...options, bus });
  buses.set(cache, bus);
  return cache;
}

/** With copies in and out, as a server gives them: unless told, memory shares what it holds. */
function near(): NearCache {
  return new InMemoryCache({ maxSize: 100_000, isolation: 'clone' });
}

function given({ hooks, keyTransformer }: CreateCacheOptions): Partial<StackOptions> {
  return {
    l2TimeoutMs: 30_000,
    ...(hooks && { hooks: hooks as CacheHooks }),
    ...(keyTransformer && { keyTransformer }),
  };
}

const client = createClient({ url: redisUrl() });
const schema = uniqueName('stack');
let sql: Sql;

beforeAll(async () => {
  sql = postgres(databaseUrl(), { max: 4, onnotice: () => {} });
  await sql.unsafe(`CREATE SCHEMA ${schema}`);
  await migrate(sql, { schema });
  await client.connect();
});
afterAll(async () => {
  await sql.unsafe(`DROP SCHEMA ${schema} CASCADE`);
  await sql.end({ timeout: 1 });
  await client.close();
});

const redis = (namespace: string) => new RedisCache(client, { prefix: `${namespace}:`, ...PATIENT });
const database = (namespace: string) => new DatabaseCache(sql, { namespace, schema, ...PATIENT });

describeCache({
  ...contract,
  name: 'a stack over Redis alone',
  create: (options) => createCache({ l2: redis(options.namespace), ...given(options) }),
  dispose,
});

describeCache({
  ...nearContract,
  name: 'a stack of memory and Redis',
  create: (options) =>
    withBus(redisBus(client, { name: options.namespace, timeoutMs: 10_000 }), {
      l1: near(),
      l2: redis(options.namespace),
      ...given(options),
    }),
  dispose,
});

describeCache({
  ...contract,
  name: 'a stack over PostgreSQL alone',
  create: (options) => createCache({ l2: database(options.namespace), ...given(options) }),
  dispose,
  expirationResolutionInSeconds: 1,
});

describeCache({
  ...nearContract,
  name: 'a stack of memory and PostgreSQL',
  create: (options) =>
    withBus(postgresBus(sql, { namespace: options.namespace, schema, timeoutMs: 10_000 }), {
      l1: near(),
      l2: database(options.namespace),
      ...given(options),
    }),
  dispose,
  expirationResolutionInSeconds: 1,
});
