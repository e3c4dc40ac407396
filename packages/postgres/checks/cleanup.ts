import { DatabaseCache, migrate } from '@cache/postgres';
import { startPostgres } from '@cache/test-servers';
import postgres, { type Sql } from 'postgres';

/**
 * Sweeps a million expired rows among 100,000 live ones on both profiles while another client writes, and reports how
 * long a write of its took at worst: `npm run check:cleanup`.
 */
const EXPIRED = Number(process.env['ROWS'] ?? 1_000_000);
const LIVE = 100_000;

const server = await startPostgres({ settings: { shared_buffers: '256MB', max_wal_size: '4GB' } });
const sql = postgres(server.url, { max: 2, onnotice: () => {} });
const writer = postgres(server.url, { max: 1, onnotice: () => {} });
try {
  for (const profile of ['standard', 'lean'] as const) {
    await migrate(sql, { schema: profile, profile });
    await fill(profile);
    const cache = new DatabaseCache(sql, { schema: profile, writeTimeoutMs: 60_000 });
    const baseline = await writeUntil(profile, new Promise((resume) => setTimeout(resume, 3_000)));
    const startedAt = performance.now();
    const sweep = cache.cleanupExpired();
    const meanwhile = await writeUntil(profile, sweep);
    const removed = await sweep;
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
    const [left] = await sql.unsafe(`SELECT count(*)::int AS rows FROM ${profile}.cache`);
    const isGood = removed === EXPIRED && left?.['rows'] === LIVE;
    console.log(`${isGood ? 'ok  ' : 'FAIL'} ${profile}: ${removed} removed in ${seconds} s, ${left?.['rows']} left`);
    console.log(`     a writer alone:   ${baseline}`);
    console.log(`     during the sweep: ${meanwhile}`);
    if (!isGood) process.exitCode = 1;
    await cache.close();
  }
} finally {
  await sql.end({ timeout: 1 });
  await writer.end({ timeout: 1 });
  await server.close();
}

async function fill(schema: string): Promise<void> {
  await sql.unsafe(`INSERT INTO ${schema}.cache (key, plain_key, value, expires_at)
    SELECT sha256(convert_to('key ' || i, 'UTF8')), 'key ' || i, '{"name": "Ada", "roles": ["admin", "user"]}',
      CASE WHEN i <= ${LIVE} THEN 4000000000 ELSE 1000000000 + i % 3600 END
    FROM generate_series(1, ${EXPIRED + LIVE}) i`);
  await sql.unsafe(`ANALYZE ${schema}.cache`);
}

/** Writes live keys, one at a time, until `end` settles. */
async function writeUntil(schema: string, end: Promise<unknown>): Promise<string> {
  const cache = new DatabaseCache(writer as Sql, { schema, writeTimeoutMs: 60_000 });
  const waits: number[] = [];
  let isOver = false;
  end.then(
    () => {
      isOver = true;
    },
    () => {
      isOver = true;
    },
  );
  while (!isOver) {
    const startedAt = performance.now();
    await cache.set(`key ${1 + Math.floor(Math.random() * LIVE)}`, { name: 'Grace' }, null);
    waits.push(performance.now() - startedAt);
  }
  waits.sort((left, right) => left - right);
  const at = (share: number): string =>
    (waits[Math.min(waits.length - 1, Math.floor(waits.length * share))] ?? 0).toFixed(1);
  return `${waits.length} writes, p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, worst ${at(1)} ms`;
}
