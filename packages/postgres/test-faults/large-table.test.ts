import { startProgram, waitUntil } from '@cache/test-servers';
import { expect, test } from '@jest/globals';
import { administer } from './administrator.ts';
import { ownPool } from './cache-pools.ts';
import { startMigrated } from './migrated-server.ts';

interface Measured {
  readonly gets: number;
  readonly wrong: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

const ROWS = 1_000_000;
/** How many one statement stores: a busy machine takes its time, and each statement has a limit. */
const ROWS_AT_A_TIME = 50_000;

/** The locks that would keep others from reading or writing. */
const STRONG_LOCKS = `SELECT DISTINCT l.mode FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
  WHERE l.locktype = 'relation' AND c.relname LIKE 'cache%' AND l.mode IN ('AccessExclusiveLock', 'ExclusiveLock', 'ShareRowExclusiveLock', 'ShareLock')`;

test('row 57: clear and invalidateTags among many rows go in small steps: others read on, and no table is locked or truncated', async () => {
  await using migrated = await startMigrated();
  const { server, admin } = migrated;
  await using watcher = administer(server);
  // Each step has the deadline of a write; two busy cores get more.
  await using opened = await ownPool.open(server.url, {
    namespace: 'large',
    readTimeoutMs: 20_000,
    writeTimeoutMs: 20_000,
  });
  const { cache } = opened;
  for (let first = 1; first <= ROWS; first += ROWS_AT_A_TIME) {
    await admin.run(`INSERT INTO cache (key, plain_key, namespace, value, expires_at)
      SELECT sha256(convert_to('large', 'UTF8') || '\\x00' || convert_to('k' || i, 'UTF8')), 'k' || i, 'large', to_jsonb(i), NULL
      FROM generate_series(${first}, ${first + ROWS_AT_A_TIME - 1}) i`);
  }
  await admin.run('ANALYZE cache');
  const tagged = Array.from({ length: 1_000 }, (_, index): [string, number] => [`tagged-${index}`, index]);
  await cache.mset(tagged, { tags: ['t'] });
  expect(await cache.get('k77')).toBe(77);
  const file = await admin.valueOf("SELECT pg_relation_filenode('cache')::text");
  await using bystander = startProgram(new URL('./programs/bystander.ts', import.meta.url), server.url);
  await bystander.ask('measure');

  const locks = new Set<string>();
  let isWatching = true;
  const watching = (async () => {
    while (isWatching) {
      for (const { mode } of await watcher.run(STRONG_LOCKS)) locks.add(String(mode));
      await new Promise((look) => setTimeout(look, 5));
    }
  })();

  await cache.invalidateTags(['t']);
  expect((await cache.mget(tagged.map(([key]) => key))).filter((value) => value !== undefined)).toEqual([]);
  const duringTags = (await bystander.ask('measure')) as Measured;

  const startedAt = performance.now();
  const clearing = cache.clear();
  // Dead at once, before the rows are gone.
  await waitUntil('The first step', 30_000, async () => (await cache.get('k77')) === undefined);
  await clearing;
  const clearedInMs = performance.now() - startedAt;
  const duringClear = (await bystander.ask('measure')) as Measured;
  isWatching = false;
  await watching;

  expect([...locks]).toEqual([]);
  expect(await admin.valueOf("SELECT pg_relation_filenode('cache')::text")).toBe(file);
  expect(await admin.valueOf("SELECT count(*)::int FROM cache WHERE namespace = 'large'")).toBe(0);
  expect(await admin.valueOf("SELECT count(*)::int FROM cache WHERE namespace = 'other'")).toBe(1);
  expect(duringClear.wrong).toBe(0);
  expect(duringClear.gets).toBeGreaterThan(20);
  process.stderr.write(
    `clear() of ${ROWS} rows took ${Math.round(clearedInMs)} ms. Another process's gets meanwhile: ${JSON.stringify(duringClear)}; ` +
      `during invalidateTags: ${JSON.stringify(duringTags)}\n`,
  );
  expect((await bystander.end()).code).toBe(0);
}, 300_000);
