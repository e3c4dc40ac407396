import { DatabaseCache } from '@cache/postgres';
import { databaseUrl, waitUntil } from '@cache/test-servers';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import postgres, { type Sql } from 'postgres';
import { type OwnSchema, ownSchema } from './own-schema.ts';

/**
 * postgres.js 3.4.9 matches replies to queries by order, and the order slips when a query that is already prepared
 * throws in its serialiser behind others, and when a lost prepared statement is sent again. An application's query on
 * the pool that the cache shares is enough.
 */
const NAMED_ERROR = { code: expect.stringMatching(/^ERR_CACHE_/) };
const ITEMS = 60;
const ROUNDS = 10;

let own: OwnSchema;
let url: string;

beforeAll(async () => {
  own = await ownSchema('mixup');
  url = databaseUrl();
  await own.sql.unsafe(`CREATE TABLE ${own.schema}.application (value jsonb)`);
});

afterAll(async () => {
  await own[Symbol.asyncDispose]();
});

/** A pool of one connection, as the application and the cache share it. */
function sharedPool(): Sql {
  const sql = postgres(url, { max: 1, onnotice: () => {} }) as Sql;
  return sql;
}

function cyclic(): object {
  const value: { self?: unknown } = {};
  value.self = value;
  return value;
}

/** The application's insert of a value; a cyclic one throws in the driver's serialiser. */
function insert(sql: Sql, value: unknown): Promise<unknown> {
  return sql`INSERT INTO ${sql(own.schema)}.application VALUES (${sql.json(value as postgres.JSONValue)})`.then(
    () => undefined,
    () => undefined,
  );
}

/** What came of reads that ran beside a query that throws: how many were right, failed by name, never answered, wrong. */
interface Tally {
  right: number;
  failed: number;
  wrong: number;
}

async function readBesideThrowingQueries(sql: Sql, read: (index: number) => Promise<unknown>): Promise<Tally> {
  const tally: Tally = { right: 0, failed: 0, wrong: 0 };
  await insert(sql, { fine: true });
  for (let round = 0; round < ROUNDS; round += 1) {
    const reads = Array.from({ length: 6 }, (_, offset) => (round * 7 + offset * 11) % ITEMS);
    const limit = new Promise((give) => setTimeout(give, 1_000, 'no answer'));
    void insert(sql, cyclic());
    const answers = reads.map((index) =>
      Promise.race([read(index), limit]).then(
        (value) => {
          if (value === `value ${index}`) tally.right += 1;
          else if (value === 'no answer' || value === undefined) tally.failed += 1;
          else tally.wrong += 1;
        },
        () => {
          tally.failed += 1;
        },
      ),
    );
    void insert(sql, cyclic());
    await Promise.all([...answers, new Promise((resume) => setImmediate(resume))]);
    if (tally.wrong > 0) break;
  }
  return tally;
}

describe('an application query on the same connection that throws in its serialiser', () => {
  test('gives no caller of the cache another’s value', async () => {
    const sql = sharedPool();
    const cache = new DatabaseCache<string>(sql, {
      schema: own.schema,
      namespace: 'serialiser',
      readTimeoutMs: 1_000,
      writeTimeoutMs: 1_000,
      maxBatchSize: 1,
      hooks: { onError: () => {} },
    });
    for (let index = 0; index < ITEMS; index += 1) await cache.set(`key ${index}`, `value ${index}`);
    const tally = await readBesideThrowingQueries(sql, (index) => cache.get(`key ${index}`));
    expect(tally.wrong).toBe(0);
    expect(tally.right).toBeGreaterThan(0);
    await sql.end({ timeout: 0 });
    const elsewhere = new DatabaseCache(own.sql, { schema: own.schema, namespace: 'serialiser', readTimeoutMs: 5_000 });
    expect(await elsewhere.get('key 1')).toBe('value 1');
  });

  test('gives every acknowledged set to its own key', async () => {
    const sql = sharedPool();
    const cache = new DatabaseCache<string>(sql, {
      schema: own.schema,
      namespace: 'serialised-sets',
      readTimeoutMs: 1_000,
      writeTimeoutMs: 1_000,
      maxBatchSize: 1,
      hooks: { onError: () => {} },
    });
    await insert(sql, { fine: true });
    await cache.set('warm', 'up');
    const acknowledged = new Map<string, string>();
    for (let round = 0; round < ROUNDS; round += 1) {
      void insert(sql, cyclic());
      const sets = Array.from({ length: 4 }, async (_, offset) => {
        const key = `key ${round} ${offset}`;
        await cache.set(key, `value of ${key}`);
        acknowledged.set(key, `value of ${key}`);
      });
      void insert(sql, cyclic());
      const counted = cache.increment('counter').catch((error: unknown) => error);
      for (const outcome of await Promise.allSettled(sets)) {
        if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject(NAMED_ERROR);
      }
      await counted;
    }
    const keys = [...acknowledged.keys()];
    await sql.end({ timeout: 0 });
    const namespace = 'serialised-sets';
    const elsewhere = new DatabaseCache(own.sql, { schema: own.schema, namespace, readTimeoutMs: 5_000 });
    expect(keys.length).toBeGreaterThan(0);
    expect(await elsewhere.mget(keys)).toEqual([...acknowledged.values()]);
  });

  test('control: the driver alone hands out rows of others', async () => {
    const sql = sharedPool();
    await sql.unsafe(`CREATE TABLE IF NOT EXISTS ${own.schema}.naive (key text PRIMARY KEY, value jsonb)`);
    for (let index = 0; index < ITEMS; index += 1) {
      const value = sql.json(`value ${index}`);
      await sql`INSERT INTO ${sql(own.schema)}.naive VALUES (${`key ${index}`}, ${value})`;
    }
    const read = async (index: number): Promise<unknown> => {
      const [row] = await sql`SELECT value FROM ${sql(own.schema)}.naive WHERE key = ${`key ${index}`}`;
      return row?.['value'];
    };
    await read(0);
    expect((await readBesideThrowingQueries(sql, read)).wrong).toBeGreaterThan(0);
    await sql.end({ timeout: 0 });
  });
});

describe('statements that are dropped under the driver', () => {
  test('cost calls made one by one nothing: right bytes, right types, right keys', async () => {
    const sql = sharedPool();
    const cache = new DatabaseCache(sql, {
      schema: own.schema,
      namespace: 'dropped',
      readTimeoutMs: 1_000,
      writeTimeoutMs: 1_000,
    });
    for (let round = 0; round < 10; round += 1) {
      const value = { round, text: `"${round}"`, zero: -0, nul: '\u0000' };
      await cache.set('key', value);
      await sql.unsafe('DEALLOCATE ALL');
      expect(await cache.get('key')).toEqual(value);
      await sql.unsafe('DEALLOCATE ALL');
      await cache.set('key', { again: round });
      expect(await cache.get('key')).toEqual({ again: round });
    }
    await sql.end({ timeout: 0 });
  });

  test('give no caller another’s value when many calls meet them at once, and the connection is given up', async () => {
    const sql = sharedPool();
    const cache = new DatabaseCache<string>(sql, {
      schema: own.schema,
      namespace: 'dropped-at-once',
      maxBatchSize: 1,
      readTimeoutMs: 2_000,
      writeTimeoutMs: 1_000,
      hooks: { onError: () => {} },
    });
    const keys = Array.from({ length: 8 }, (_, index) => `key ${index}`);
    await cache.mset(keys.map((key) => [key, `value of ${key}`]));
    await cache.mget(keys);
    await sql.unsafe('DEALLOCATE ALL');
    const calls = keys.flatMap((key) => [
      // A reply without rows reads as a miss, which costs a load and no more.
      cache.get(key).then((value) => expect([`value of ${key}`, undefined]).toContain(value)),
      cache.exists(key),
    ]);
    for (const outcome of await Promise.allSettled(calls)) {
      if (outcome.status === 'rejected')
        expect(outcome.reason).toMatchObject({ code: expect.stringMatching(/^ERR_CACHE_/) });
    }
    await waitUntil('the cache answers again', 20_000, async () => {
      const values = await cache.mget(keys);
      return values.every((value, index) => value === `value of ${keys[index]}`);
    });
    await sql.end({ timeout: 0 });
  });

  test('control: parameters that the driver serialises are serialised twice', async () => {
    const sql = sharedPool();
    await sql.unsafe(`CREATE TABLE ${own.schema}.bytes (key bytea PRIMARY KEY, value jsonb)`);
    const store = (key: Buffer, value: postgres.JSONValue): Promise<unknown> =>
      sql`INSERT INTO ${sql(own.schema)}.bytes VALUES (${key}, ${sql.json(value)})`;
    await store(Buffer.from('first'), { fine: true });
    await sql.unsafe('DEALLOCATE ALL');
    await store(Buffer.from('second'), { fine: true });
    const rows = await sql`SELECT key, jsonb_typeof(value) AS type FROM ${sql(own.schema)}.bytes ORDER BY length(key)`;
    expect(rows.map(({ type }) => type)).toContain('string');
    expect(rows.map(({ key }) => String(key))).not.toContain('second');
    await sql.end({ timeout: 0 });
  });
});
