import { inspect } from 'node:util';
import { type CacheErrorEvent, jsonSerializer, mixedFormats, type Serializer } from '@cache/core';
import { msgpackSerializer } from '@cache/msgpack';
import { DatabaseCache, migrate } from '@cache/postgres';
import { RedisCache } from '@cache/redis';
import { databaseUrl, redisUrl, uniqueName } from '@cache/test-servers';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import postgres, { type Sql } from 'postgres';
import { createClient } from 'redis';
import { makeReport, type SalesReport } from '../src/sales-report.ts';
import { SERIALIZERS } from '../src/serializers.ts';

/** These tests are not about deadlines: a busy machine is no failure. */
const PATIENT = { readTimeoutMs: 10_000, writeTimeoutMs: 10_000 } as const;
const client = createClient({ url: redisUrl() });
const sql = postgres(databaseUrl(), { max: 2, onnotice: () => {} }) as Sql;
const schema = uniqueName('rich_values');
const report = makeReport(7);

const CUT_SHORT = "return redis.call('SET', KEYS[1], string.sub(redis.call('GET', KEYS[1]), 1, -2))";

/** With names in order: PostgreSQL's JSONB keeps one of its own. */
const shown = (value: unknown): string => inspect(value, { sorted: true, depth: null });

beforeAll(async () => {
  await client.connect();
  await sql.unsafe(`CREATE SCHEMA ${schema}`);
  await migrate(sql, { schema });
});
afterAll(async () => {
  await client.close();
  await sql.unsafe(`DROP SCHEMA ${schema} CASCADE`);
  await sql.end({ timeout: 1 });
});

const redisCache = (
  serializer: Serializer,
  prefix = `${uniqueName('rich-values')}:`,
  onError = (_: CacheErrorEvent) => {},
) => new RedisCache<SalesReport>(client, { prefix, serializer, hooks: { onError }, ...PATIENT });

describe.each(Object.entries(SERIALIZERS))('a report under %s', (title, serializer) => {
  test('comes back from Redis as it was', async () => {
    const cache = redisCache(serializer);
    await cache.set('report', report);
    expect(shown(await cache.get('report'))).toBe(shown(report));
  });

  test('comes back from PostgreSQL as it was', async () => {
    const cache = new DatabaseCache<SalesReport>(sql, {
      schema,
      namespace: title.replace(' ', '-'),
      serializer,
      ...PATIENT,
    });
    await cache.set('report', report);
    expect(shown(await cache.get('report'))).toBe(shown(report));
  });

  test('is a miss that is told, once its end is lost, and is stored anew', async () => {
    const prefix = `${uniqueName('cut')}:`;
    const codes: string[] = [];
    const cache = redisCache(serializer, prefix, ({ error }) => void codes.push(error.code));
    await cache.set('report', report);
    await client.eval(CUT_SHORT, { keys: [`${prefix}report`] });
    expect(await cache.get('report')).toBeUndefined();
    expect(codes).toEqual(['ERR_CACHE_CORRUPTION']);
    await cache.set('report', report);
    expect((await cache.get('report'))?.revenue).toBe(report.revenue);
  });
});

test('JSON is replaced by MessagePack on a live cache, and back', async () => {
  const prefix = `${uniqueName('switched')}:`;
  const before = new RedisCache(client, { prefix, ...PATIENT });
  const after = new RedisCache(client, {
    prefix,
    serializer: mixedFormats(msgpackSerializer(), jsonSerializer()),
    ...PATIENT,
  });
  const back = new RedisCache(client, {
    prefix,
    serializer: mixedFormats(jsonSerializer(), msgpackSerializer()),
    ...PATIENT,
  });
  await before.set('old', { id: 1 });
  expect(await after.get('old')).toEqual({ id: 1 });
  await after.set('new', { at: new Date(0) });
  expect(await back.get('new')).toEqual({ at: new Date(0) });
  await back.set('new', { id: 2 });
  expect(await before.get('new')).toEqual({ id: 2 });
});

test('JSON is replaced by rich JSON without more ado: it reads what JSON wrote', async () => {
  const prefix = `${uniqueName('enriched')}:`;
  const before = new RedisCache(client, { prefix, ...PATIENT });
  const after = new RedisCache(client, { prefix, serializer: SERIALIZERS['rich JSON'] as Serializer, ...PATIENT });
  await before.set('old', { id: 1, list: [null, -0] });
  expect(await after.get('old')).toStrictEqual({ id: 1, list: [null, -0] });
});
