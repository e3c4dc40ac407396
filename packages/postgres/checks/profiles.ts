import { DatabaseCache, migrate } from '@cache/postgres';
import { startPostgres } from '@cache/test-servers';
import postgres from 'postgres';

/**
 * Overwrites the same 10,000 items again and again on both profiles and reports how many updates were HOT (touched no
 * index) and what became of the sizes: `npm run check:profiles`.
 */
const ITEMS = 10_000;
const ROUNDS = Number(process.env['ROUNDS'] ?? 30);

const server = await startPostgres({ settings: { autovacuum_naptime: '5s' } });
const sql = postgres(server.url, { max: 2, onnotice: () => {} });
try {
  for (const profile of ['standard', 'lean'] as const) {
    await migrate(sql, { schema: profile, profile });
    const pool = postgres(server.url, { max: 2, onnotice: () => {} });
    const cache = new DatabaseCache(pool, { schema: profile, readTimeoutMs: 60_000, writeTimeoutMs: 60_000 });
    const keys = Array.from({ length: ITEMS }, (_, index) => `key ${index}`);
    await cache.mset(keys.map((key) => [key, { name: 'Ada', version: 0 }]));
    await sql.unsafe(`VACUUM ANALYZE ${profile}.cache`);
    const before = await sizes(profile);
    const startedAt = performance.now();
    for (let version = 1; version <= ROUNDS; version += 1) {
      // Another second each time, as when an item is overwritten now and then.
      await cache.mset(
        keys.map((key) => [key, { name: 'Ada', version }]),
        300 + 2 * version,
      );
    }
    const rate = Math.round((ITEMS * ROUNDS * 1000) / (performance.now() - startedAt));
    // A server process hands its counts in when it ends.
    await pool.end({ timeout: 1 });
    await new Promise((resume) => setTimeout(resume, 1_000));
    const [counts] = await sql`SELECT n_tup_upd::int AS updates, n_tup_hot_upd::int AS hot FROM pg_stat_user_tables
      WHERE schemaname = ${profile} AND relname = 'cache'`;
    const after = await sizes(profile);
    const share = ((100 * (counts?.['hot'] as number)) / (counts?.['updates'] as number)).toFixed(1);
    console.log(`${profile}: ${counts?.['updates']} updates, ${share} % HOT, ${rate} sets/s`);
    console.log(`  table ${before.table} -> ${after.table}, indexes ${before.indexes} -> ${after.indexes}`);
  }
} finally {
  await sql.end({ timeout: 1 });
  await server.close();
}

async function sizes(schema: string): Promise<{ table: string; indexes: string }> {
  const [row] = await sql`SELECT pg_size_pretty(pg_table_size(${`${schema}.cache`}::text::regclass)) AS table,
    pg_size_pretty(pg_indexes_size(${`${schema}.cache`}::text::regclass)) AS indexes`;
  return { table: row?.['table'] as string, indexes: row?.['indexes'] as string };
}
