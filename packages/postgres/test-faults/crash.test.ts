import { migrate } from '@cache/postgres';
import { settle, startPostgres, startProgram, waitUntil } from '@cache/test-servers';
import { describe, expect, test } from '@jest/globals';
import { administer } from './administrator.ts';
import { openPool, ownPool } from './cache-pools.ts';
import { recovery } from './failures.ts';
import { startMigrated } from './migrated-server.ts';

/** Everything that the migration makes. */
const RELATIONS =
  "SELECT count(*)::int FROM pg_class WHERE relname LIKE 'cache%' AND relnamespace = 'public'::regnamespace";

describe('row 59: kill -9 in the middle', () => {
  test('row 59: of mset: each statement’s items are all there or all missing, whoever is killed', async () => {
    await using migrated = await startMigrated({ synchronous_commit: 'on' });
    const { server, admin } = migrated;
    const torn = async (): Promise<readonly unknown[]> =>
      admin.run(`SELECT substr(plain_key, 1, 2) AS chunk FROM cache WHERE namespace = 'chunks' GROUP BY 1
        HAVING count(DISTINCT value) > 1 OR count(*) <> 10`);
    {
      await using program = startProgram(new URL('./programs/writer.ts', import.meta.url), server.url);
      await waitUntil('Some rounds', 30_000, async () => Number(await program.ask('rounds')) > 5);
    }
    expect(await torn()).toEqual([]);
    {
      await using program = startProgram(new URL('./programs/writer.ts', import.meta.url), server.url);
      await waitUntil('Some rounds', 30_000, async () => Number(await program.ask('rounds')) > 5);
      await server.kill();
      await server.restart();
      await recovery('The administrator', 30_000, () => admin.run('SELECT 1'));
      const before = Number(await program.ask('rounds'));
      await waitUntil('More rounds', 30_000, async () => Number(await program.ask('rounds')) > before + 1);
      expect((await program.end()).code).toBe(0);
    }
    expect(await torn()).toEqual([]);
  });

  test('row 59: of the migration: the server killed leaves nothing of it, and the next one does it all', async () => {
    await using server = await startPostgres();
    await using admin = administer(server);
    // The table is in the way: the migration waits for its lock when half its work is done.
    await admin.run('CREATE TABLE cache_tag (tag TEXT, stale BOOLEAN, at TIMESTAMPTZ, xid XID8, seq BIGINT)');
    await using locker = administer(server);
    await locker.run('BEGIN; LOCK TABLE cache_tag IN ACCESS EXCLUSIVE MODE');
    const sql = openPool(server.url, { max: 1 });
    try {
      const migrating = settle(migrate(sql), 60_000);
      await waitUntil('The migration waiting', 30_000, async () => {
        const waiting = await admin.valueOf("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'");
        return Number(waiting) === 1;
      });
      await server.kill();
      expect(await migrating).toMatchObject({ state: 'rejected', reason: { operation: 'migrate' } });
    } finally {
      await sql.end({ timeout: 0 });
    }
    await server.restart();
    await recovery('The administrator', 30_000, () => admin.run('SELECT 1'));
    expect(await admin.valueOf("SELECT to_regclass('cache') IS NULL")).toBe(true);
    await admin.run('DROP TABLE IF EXISTS cache_tag');
    await migrate(admin.sql);
    await using opened = await ownPool.open(server.url);
    await opened.cache.set('a', 1, { tags: ['t'] });
    expect(await opened.cache.get('a')).toBe(1);
  });

  test('row 59: of the migration: a client killed leaves no lock behind, and the next one does it all', async () => {
    await using server = await startPostgres({ settings: { client_connection_check_interval: '100ms' } });
    await using admin = administer(server);
    await using locker = administer(server);
    await locker.run("BEGIN; SELECT pg_advisory_xact_lock(hashtext('@cache/postgres'), hashtext('cache'))");
    {
      await using program = startProgram(new URL('./programs/migrator.ts', import.meta.url), server.url);
      program.ask('migrate').catch(() => {});
      await waitUntil('The migration waiting', 30_000, async () => {
        const waiting = await admin.valueOf("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'advisory'");
        return Number(waiting) === 1;
      });
    }
    await locker.run('ROLLBACK');
    const migrated = await settle(migrate(admin.sql), 60_000);
    expect(migrated).toMatchObject({ state: 'fulfilled' });
  });

  test('row 59: of the cleanup: whole steps are done or not, no live item is lost, and the next one finishes', async () => {
    await using migrated = await startMigrated();
    const { server, admin } = migrated;
    await using opened = await ownPool.open(server.url, { namespace: 'swept', writeTimeoutMs: 10_000 });
    const { cache } = opened;
    await cache.mset(
      Array.from({ length: 200 }, (_, index) => [`live-${index}`, index]),
      null,
    );
    await admin.run(`INSERT INTO cache (key, plain_key, namespace, value, expires_at)
      SELECT sha256(convert_to('swept', 'UTF8') || '\\x00' || convert_to('dead-' || i, 'UTF8')), 'dead-' || i, 'swept', '1', 1
      FROM generate_series(1, 20000) i`);
    const left = async (like: string): Promise<number> =>
      Number(await admin.valueOf(`SELECT count(*) FROM cache WHERE namespace = 'swept' AND plain_key LIKE '${like}'`));
    let killing: Promise<void> | undefined;
    const cleaning = settle(
      cache.cleanupExpired({
        batchSize: 100,
        onProgress: (removed) => {
          if (removed >= 1_000) killing ??= server.kill();
        },
      }),
      60_000,
    );
    expect(await cleaning).toMatchObject({
      state: 'rejected',
      reason: { code: expect.stringMatching(/UNAVAILABLE|TIMEOUT/) },
    });
    await killing;
    await server.restart();
    await recovery('The administrator', 30_000, () => admin.run('SELECT 1'));
    expect((await left('dead-%')) % 100).toBe(0);
    expect(await left('live-%')).toBe(200);
    let removed = 0;
    await recovery('The rest of the cleanup', 30_000, async () => {
      removed += await cache.cleanupExpired();
    });
    expect(await left('dead-%')).toBe(0);
    expect(await left('live-%')).toBe(200);
    expect(removed).toBeGreaterThan(0);
  });
});

describe('row 59: the migration', () => {
  test.each(['standard', 'lean'] as const)(
    'row 59: runs twice, and eight at a time, as a role that owns the schema and nothing else (%s)',
    async (profile) => {
      await using server = await startPostgres();
      await using admin = administer(server);
      await admin.run('CREATE ROLE tenant LOGIN; CREATE SCHEMA tenant AUTHORIZATION tenant');
      const url = server.url.replace('postgres@', 'tenant@');
      const pools = Array.from({ length: 8 }, () => openPool(url, { max: 1 }));
      try {
        const options = { schema: 'tenant', profile };
        await Promise.all(pools.map((sql) => migrate(sql, options)));
        await Promise.all(pools.map((sql) => migrate(sql, options)));
        await using opened = await ownPool.open(url, { schema: 'tenant' });
        await opened.cache.set('a', 1, { tags: ['t'] });
        await Promise.all(pools.map((sql) => migrate(sql, options)));
        expect(await opened.cache.get('a')).toBe(1);
        expect(await admin.valueOf(RELATIONS)).toBe(0);
      } finally {
        await Promise.all(pools.map((sql) => sql.end({ timeout: 1 })));
      }
    },
  );
});
