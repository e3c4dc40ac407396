import { DatabaseCache, migrate } from '@cache/postgres';
import { settle, startProgram } from '@cache/test-servers';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { CACHE_POOLS, openPool } from './cache-pools.ts';
import { EVERY_CALL } from './every-call.ts';
import { DEADLINES, failureOf, recovery } from './failures.ts';
import { type MigratedServer, startMigrated } from './migrated-server.ts';

let migrated: MigratedServer;

beforeAll(async () => {
  migrated = await startMigrated();
});

afterAll(async () => {
  await migrated[Symbol.asyncDispose]();
});

const PATIENT = { readTimeoutMs: 20_000, writeTimeoutMs: 20_000 };

test('row 34: DEALLOCATE ALL before every call is not noticed: right bytes, right types', async () => {
  const sql = openPool(migrated.server.url, { max: 1 });
  try {
    const cache = new DatabaseCache(sql, { ...PATIENT, namespace: 'dropped' });
    const value = { text: '"1"', nul: '\u0000', zero: -0, flag: true, list: [1, 'null', { a: '{}' }] };
    for (let round = 0; round < 3; round += 1) {
      for (const { operation, run } of EVERY_CALL) {
        await sql.unsafe('DEALLOCATE ALL');
        await run(cache).catch((error: unknown) => {
          throw new Error(`${operation} after DEALLOCATE ALL`, { cause: error });
        });
      }
      await sql.unsafe('DEALLOCATE ALL');
      await cache.mset([
        ['exact', value],
        ['text', '"1"'],
        ['true', true],
      ]);
      await sql.unsafe('DEALLOCATE ALL');
      const read = cache.mget(['exact', 'text', 'true']);
      const kinds = sql`SELECT plain_key, jsonb_typeof(value) AS kind FROM cache
        WHERE namespace = 'dropped' AND plain_key IN ('text', 'true') ORDER BY 1`;
      expect(await read).toEqual([value, '"1"', true]);
      expect(await kinds).toEqual([
        { plain_key: 'text', kind: 'string' },
        { plain_key: 'true', kind: 'boolean' },
      ]);
    }
  } finally {
    await sql.end({ timeout: 1 });
  }
});

test.each(CACHE_POOLS)('row 34: with $pool, DDL between calls is not noticed', async ({ open }) => {
  const { server, admin } = migrated;
  await using opened = await open(server.url, { ...PATIENT, schema: 'public' });
  const { cache } = opened;
  const ddl = [
    'ALTER TABLE cache ADD COLUMN extra text',
    'ALTER TABLE cache DROP COLUMN extra',
    'ALTER TABLE cache SET (fillfactor = 80)',
    'DROP INDEX cache_key_hash_idx',
    'CREATE INDEX cache_key_hash_idx ON cache USING HASH (key)',
    'ALTER TABLE cache ALTER COLUMN load_ms TYPE bigint',
    'ALTER TABLE cache ALTER COLUMN load_ms TYPE integer',
    'VACUUM FULL cache',
  ];
  for (const statement of ddl) {
    await Promise.all(EVERY_CALL.map(({ run }) => run(cache)));
    await cache.set('kept', { statement });
    await admin.run(statement);
    expect(await cache.get('kept')).toEqual({ statement });
    for (const { operation, run } of EVERY_CALL) {
      await run(cache).catch((error: unknown) => {
        throw new Error(`${operation} after ${statement}`, { cause: error });
      });
    }
  }
  await admin.run('DROP TABLE cache CASCADE');
  await failureOf(cache.get('kept'), 'ERR_CACHE_OPTION');
  await migrate(admin.sql);
  expect(await cache.get('kept')).toBeUndefined();
  await Promise.all(EVERY_CALL.map(({ run }) => run(cache)));
});

test('row 70: an application’s query that throws in its serialiser on the same pool gives no caller another’s row', async () => {
  const { server, admin } = migrated;
  await admin.run('CREATE TABLE application (value jsonb)');
  const sql = openPool(server.url, { max: 2 });
  const cyclic: { self?: unknown } = {};
  cyclic.self = cyclic;
  const insert = (value: unknown): Promise<unknown> =>
    settle(sql`INSERT INTO application VALUES (${sql.json(value as never)})`, 2_000).catch(() => undefined);
  try {
    const cache = new DatabaseCache(sql, {
      ...DEADLINES,
      namespace: 'shared',
      maxBatchSize: 1,
      hooks: { onError: () => {} },
    });
    const items = Array.from({ length: 40 }, (_, index) => index);
    await recovery('The items', 30_000, () => cache.mset(items.map((index) => [`k${index}`, { owner: index }])));
    await Promise.all([insert({ fine: true }), insert({ fine: true })]);
    const wrong: unknown[] = [];
    let right = 0;
    for (let round = 0; round < 40; round += 1) {
      const reads = items.slice(round % 30, (round % 30) + 8).map(async (index) => {
        const outcome = await settle(cache.get(`k${index}`), 20_000);
        if (outcome.state === 'rejected')
          expect(String((outcome.reason as { code: string }).code)).toMatch(/^ERR_CACHE_/);
        else if (outcome.value === undefined) wrong.push({ index, missing: true });
        else if ((outcome.value as { owner: number }).owner !== index) wrong.push({ index, got: outcome.value });
        else right += 1;
      });
      const writes = [settle(cache.set(`w${round}`, round), 20_000), settle(cache.increment('n'), 20_000)];
      void insert(cyclic);
      await Promise.all([...reads, ...writes]);
    }
    // A miss where a value is would only cost a load; another's row would be somebody else's secret.
    expect(wrong.filter((answer) => !(answer as { missing?: boolean }).missing)).toEqual([]);
    expect(right).toBeGreaterThan(0);
    await recovery('A get once the application has stopped', 30_000, async () => {
      expect(await cache.get('k1')).toEqual({ owner: 1 });
    });
  } finally {
    await sql.end({ timeout: 0 });
  }
});

test('row 70: and the process that does it neither crashes nor hangs', async () => {
  await using program = startProgram(new URL('./programs/throwing-neighbour.ts', import.meta.url), migrated.server.url);
  const report = (await program.ask('mix')) as { wrong: number; right: number; unsettled: number };
  expect(report).toMatchObject({ wrong: 0, unsettled: 0 });
  expect(report.right).toBeGreaterThan(0);
  expect(await program.end()).toMatchObject({ code: 0, stderr: '' });
});
