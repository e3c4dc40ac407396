import { compressed } from '@cache/compression';
import { type AsyncCache, jsonSerializer, mixedFormats, type Serializer } from '@cache/core';
import { DatabaseCache, migrate } from '@cache/postgres';
import { RedisCache } from '@cache/redis';
import { databaseUrl, redisUrl, uniqueName } from '@cache/test-servers';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import postgres, { type Sql } from 'postgres';
import { createClient } from 'redis';
import { RELEASES } from '../src/format-change.ts';
import { Price } from '../src/price.ts';

const client = createClient({ url: redisUrl() });
const schema = uniqueName('prices');
let sql: Sql;

beforeAll(async () => {
  sql = postgres(databaseUrl(), { max: 2, onnotice: () => {} });
  await sql.unsafe(`CREATE SCHEMA ${schema}`);
  await migrate(sql, { schema });
  await client.connect();
});

afterAll(async () => {
  await sql.unsafe(`DROP SCHEMA ${schema} CASCADE`);
  await sql.end({ timeout: 1 });
  await client.close();
});

/** A cache of one name, as processes of different releases open it. */
type Open = (name: string, serializer: Serializer) => AsyncCache;

const BACKENDS: Readonly<Record<string, Open>> = {
  Redis: (name, serializer) => new RedisCache(client, { prefix: `${name}:`, serializer, readTimeoutMs: 10_000 }),
  PostgreSQL: (name, serializer) =>
    new DatabaseCache(sql, { schema, namespace: name, serializer, readTimeoutMs: 10_000 }),
};

const price = new Price(1_250n, 'EUR');

/** What a cache loses while one release replaces another: both run, and read what either stored. */
async function lost(open: Open, [older, newer]: readonly [Serializer, Serializer]): Promise<number> {
  const name = uniqueName('prices');
  const processes = [open(name, older), open(name, newer)];
  for (const [index, writer] of processes.entries()) await writer.set(`by ${index}`, price);
  let misses = 0;
  for (const reader of processes) {
    for (const key of ['by 0', 'by 1']) {
      const found = await reader.get(key);
      if (found === undefined) misses += 1;
      else expect(found).toStrictEqual(price);
    }
  }
  return misses;
}

describe.each(Object.entries(BACKENDS))('On %s', (_, open) => {
  test('no item is lost while each release replaces the one before, nor on the way back', async () => {
    for (const [index, { serializer }] of RELEASES.slice(0, 3).entries()) {
      const before = RELEASES[index - 1]?.serializer ?? serializer;
      expect(await lost(open, [before, serializer])).toBe(0);
      expect(await lost(open, [serializer, before])).toBe(0);
    }
  });

  test('items are lost if the format changes before everybody reads the new one', async () => {
    const [json, , bytesAndJson] = RELEASES.map(({ serializer }) => serializer);
    if (json === undefined || bytesAndJson === undefined) throw new Error('There are four releases.');
    expect(await lost(open, [json, bytesAndJson])).toBeGreaterThan(0);
  });

  test('what the first release stored is read by the third, and the last reads what the third stored', async () => {
    const [json, , both, bytes] = RELEASES.map(({ serializer }) => serializer);
    const name = uniqueName('prices');
    await open(name, json as Serializer).set('old', price, null);
    expect(await open(name, both as Serializer).get('old')).toStrictEqual(price);
    await open(name, both as Serializer).set('new', price, null);
    expect(await open(name, bytes as Serializer).get('new')).toStrictEqual(price);
  });

  test('compression is put on and taken off in the same way', async () => {
    const json = jsonSerializer();
    const gzip = compressed(json);
    const report = { rows: Array.from({ length: 500 }, (_unused, id) => ({ id, name: 'the same' })) };
    const releases = [json, mixedFormats(json, gzip), gzip, mixedFormats(json, gzip)];
    const name = uniqueName('reports');
    for (const [index, serializer] of releases.entries()) await open(name, serializer).set(`by ${index}`, report, null);
    for (const serializer of releases.slice(1)) {
      for (const index of releases.keys()) expect(await open(name, serializer).get(`by ${index}`)).toEqual(report);
    }
  });
});
