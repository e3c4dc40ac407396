import { compressed } from '@cache/compression';
import { type CreateCacheOptions, describeCache, EVERY_CAPABILITY } from '@cache/conformance';
import { type CacheHooks, jsonSerializer } from '@cache/core';
import { DatabaseCache } from '@cache/postgres';
import { RedisCache } from '@cache/redis';
import { createCache, type StackOptions } from '@cache/stack';
import { redisUrl } from '@cache/test-servers';
import { afterAll, beforeAll } from '@jest/globals';
import { createClient } from 'redis';
import { optionsFor } from './algorithms.ts';
import { type OwnSchema, ownSchema } from './own-schema.ts';

/** What shrinks has no longest size of its own. */
const contract = { capabilities: EVERY_CAPABILITY, values: 'json', maxValueBytes: null } as const;
/** These tests are not about deadlines: a busy machine is no failure. */
const patient = { readTimeoutMs: 10_000, writeTimeoutMs: 10_000, maxPending: 50_000 } as const;

const client = createClient({ url: redisUrl() });
let own: OwnSchema;

beforeAll(async () => {
  own = await ownSchema('compressed');
  await client.connect();
});

afterAll(async () => {
  await client.close();
  await own[Symbol.asyncDispose]();
});

/** Nearly everything is compressed, half of it in the thread pool. */
const small = { thresholdBytes: 20, asyncAboveBytes: 60 } as const;

for (const algorithm of ['gzip', 'lz4'] as const) {
  const serializer = compressed(jsonSerializer(), { ...optionsFor(algorithm), ...small });
  describeCache({
    ...contract,
    name: `RedisCache with ${algorithm}`,
    create: ({ namespace, ...options }) =>
      new RedisCache(client, { prefix: `${namespace}:`, serializer, ...patient, ...options }),
  });
}

const serializer = compressed(jsonSerializer(), { algorithm: 'brotli', ...small });

describeCache({
  ...contract,
  name: 'DatabaseCache with brotli',
  create: ({ namespace, ...options }) =>
    new DatabaseCache(own.sql, { namespace, schema: own.schema, serializer, ...patient, ...options }),
  expirationResolutionInSeconds: 1,
});

const redis = (namespace: string) => new RedisCache(client, { prefix: `${namespace}:`, serializer, ...patient });

function given({ hooks, keyTransformer }: CreateCacheOptions): Partial<StackOptions> {
  return { ...(hooks && { hooks: hooks as CacheHooks }), ...(keyTransformer && { keyTransformer }) };
}

describeCache({
  ...contract,
  name: 'a stack over RedisCache with brotli',
  create: (options) =>
    createCache({
      l2: redis(options.namespace),
      ...given(options),
    }),
});
