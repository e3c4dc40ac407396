import { DatabaseCache, migrate } from '@cache/postgres';
import { RedisCache } from '@cache/redis';
import { richJsonSerializer } from '@cache/rich-json';
import { databaseUrl, redisUrl, uniqueName } from '@cache/test-servers';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import postgres, { type Sql } from 'postgres';
import { createClient } from 'redis';

/** These tests are not about deadlines: a busy machine is no failure. */
const PATIENT = { readTimeoutMs: 10_000, writeTimeoutMs: 10_000 } as const;
const serializer = richJsonSerializer();
const order = { id: 7, placed: new Date(0), lines: new Map([['tea', 2n]]), note: undefined, ratio: -0 };

describe('in PostgreSQL', () => {
  const schema = uniqueName('rich_json');
  const sql = postgres(databaseUrl(), { max: 2, onnotice: () => {} }) as Sql;
  const cache = new DatabaseCache(sql, { schema, serializer, ...PATIENT });

  beforeAll(async () => {
    await sql.unsafe(`CREATE SCHEMA ${schema}`);
    await migrate(sql, { schema });
  });
  afterAll(async () => {
    await sql.unsafe(`DROP SCHEMA ${schema} CASCADE`);
    await sql.end({ timeout: 1 });
  });

  test('plain members can be asked for by name, and rich ones by their kind', async () => {
    await cache.set('order:7', order);
    const [row] = await sql.unsafe(`
      SELECT value->>'id' AS id, (value->'placed'->>'$rich:Date')::timestamptz AS placed, value->'ratio' AS ratio
      FROM ${schema}.cache WHERE value @> '{"id": 7}'`);
    expect(row).toEqual({ id: '7', placed: new Date(0), ratio: { '$rich:number': '-0' } });
    expect(await cache.get('order:7')).toStrictEqual(order);
  });

  test('what SQL writes as a tag is read as what it stands for', async () => {
    await cache.set('order:8', { placed: 'not yet' });
    await sql.unsafe(`
      UPDATE ${schema}.cache SET value = jsonb_build_object('placed', jsonb_build_object('$rich:Date', '2026-11-22T12:00:00.000Z'))
      WHERE value->>'placed' = 'not yet'`);
    expect(await cache.get('order:8')).toStrictEqual({ placed: new Date('2026-11-22T12:00:00.000Z') });
  });
});

describe('in Redis', () => {
  const client = createClient({ url: redisUrl() });
  const prefix = `${uniqueName('rich-json')}:`;
  const errors: string[] = [];
  const hooks = { onError: ({ error }: { readonly error: { readonly code: string } }) => void errors.push(error.code) };
  const cache = new RedisCache(client, { prefix, serializer, hooks, ...PATIENT });
  beforeAll(() => client.connect());
  afterAll(() => client.close());

  test('a plain value is the JSON that any program reads', async () => {
    await cache.set('user:1', { name: 'Ada', tags: ['a'] });
    expect(await client.get(`${prefix}user:1`)).toBe('{"name":"Ada","tags":["a"]}');
  });

  test('a tag that cannot be read is a miss, and told', async () => {
    await client.set(`${prefix}order:9`, '{"placed":{"$rich:Date":"soon"}}');
    expect(await cache.get('order:9')).toBeUndefined();
    expect(errors).toEqual(['ERR_CACHE_CORRUPTION']);
  });
});
