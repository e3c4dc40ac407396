import { describeCache, EVERY_CAPABILITY } from '@cache/conformance';
import { DatabaseCache, migrate } from '@cache/postgres';
import { RedisCache } from '@cache/redis';
import { richJsonSerializer } from '@cache/rich-json';
import { databaseUrl, redisUrl, uniqueName } from '@cache/test-servers';
import { afterAll, beforeAll } from '@jest/globals';
import postgres, { type Sql } from 'postgres';
import { createClient } from 'redis';

/** These tests are not about deadlines: a busy machine is no failure. */
const PATIENT = { readTimeoutMs: 10_000, writeTimeoutMs: 10_000 } as const;
const contract = { capabilities: EVERY_CAPABILITY, values: 'exact' } as const;
const serializer = richJsonSerializer();

const client = createClient({ url: redisUrl() });
beforeAll(() => client.connect());
afterAll(() => client.close());

describeCache({
  ...contract,
  name: 'RedisCache with richJsonSerializer',
  create: ({ namespace, ...options }) =>
    new RedisCache(client, { prefix: `${namespace}:`, serializer, ...PATIENT, ...options }),
});

const schema = uniqueName('serializer');
const sql = postgres(databaseUrl(), { max: 4, onnotice: () => {} }) as Sql;
beforeAll(async () => {
  await sql.unsafe(`CREATE SCHEMA ${schema}`);
  await migrate(sql, { schema });
});
afterAll(async () => {
  await sql.unsafe(`DROP SCHEMA ${schema} CASCADE`);
  await sql.end({ timeout: 1 });
});

describeCache({
  ...contract,
  name: 'DatabaseCache with richJsonSerializer',
  create: ({ namespace, ...options }) =>
    new DatabaseCache(sql, { namespace, schema, serializer, maxPending: 50_000, ...PATIENT, ...options }),
  expirationResolutionInSeconds: 1,
});
