import { migrate } from '@cache/postgres';
import { startLoad, startPostgres, waitUntil } from '@cache/test-servers';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import postgres from 'postgres';
import { CACHE_POOLS, ownPool } from './cache-pools.ts';
import { EVERY_CALL } from './every-call.ts';
import { outageOf, recovery, SETTLED_LIMIT_MS } from './failures.ts';
import { type MigratedServer, startMigrated } from './migrated-server.ts';

let migrated: MigratedServer;

beforeAll(async () => {
  // What was acknowledged must be there after kill -9, or nothing could be counted.
  migrated = await startMigrated({ synchronous_commit: 'on' });
});

afterAll(async () => {
  await migrated[Symbol.asyncDispose]();
});

describe.each(CACHE_POOLS)('$pool', ({ open, recoveryLimitMs }) => {
  test('row 19: while a server is not there yet, every call rejects in time and leaves nothing behind to happen later', async () => {
    const { server, admin } = migrated;
    await admin.run('DELETE FROM cache');
    await server.kill();
    await using opened = await open(server.url);
    const { cache } = opened;
    for (const round of [1, 2]) {
      const failures = await Promise.all(
        EVERY_CALL.map(async ({ operation, kind, run }) => ({
          round,
          operation,
          kind,
          error: await outageOf(run(cache)),
        })),
      );
      const reads = failures.filter(({ kind }) => kind === 'read');
      expect(reads.filter(({ error }) => error.ambiguous).map(({ operation }) => operation)).toEqual([]);
      const refused = failures.filter(({ error }) => error.code === 'ERR_CACHE_UNAVAILABLE');
      expect(refused.filter(({ error }) => error.ambiguous).map(({ operation }) => operation)).toEqual([]);
    }
    await server.restart();
    await recovery('A get once the server is there', recoveryLimitMs, () => cache.get('a'));
    await recovery('The administrator', 30_000, () => admin.run('SELECT 1'));
    expect(await admin.run('SELECT plain_key FROM cache')).toEqual([]);
  });

  test('row 20: a server killed under load fails the calls in flight, counts none twice, and is used again after its restart', async () => {
    const { server } = migrated;
    await using opened = await open(server.url, { namespace: 'killed' });
    const { cache } = opened;
    await cache.removeItem('n');
    const load = startLoad(20, async () => {
      await cache.increment('n', 1, { expirationInSeconds: null });
    });
    await waitUntil('100 increments', 30_000, () => load.succeeded >= 100);
    await server.kill();
    await waitUntil('100 failures', 30_000, () => load.failures.length >= 100);
    await server.restart();
    const acknowledgedBefore = load.succeeded;
    await waitUntil('An increment after the restart', recoveryLimitMs, () => load.succeeded > acknowledgedBefore);
    await load.stop();

    expect(load.slowestMs).toBeLessThan(SETTLED_LIMIT_MS);
    const codes = new Set(load.failures.map(({ code }) => code));
    expect([...codes].filter((code) => !/TIMEOUT|UNAVAILABLE/.test(code))).toEqual([]);
    const ambiguous = load.failures.filter((failure) => failure.ambiguous).length;
    const count = await cache.get<number>('n');
    expect(count).toBeGreaterThanOrEqual(load.succeeded);
    expect(count).toBeLessThanOrEqual(load.succeeded + ambiguous);
  });

  test('row 20: what a reader reads while the server is killed and comes back is right or an error, never something else', async () => {
    const { server } = migrated;
    await using opened = await open(server.url, { namespace: 'readers' });
    const { cache } = opened;
    await cache.mset(Array.from({ length: 50 }, (_, index) => [`k${index}`, index]));
    let next = 0;
    const wrong: unknown[] = [];
    const load = startLoad(20, async () => {
      next += 1;
      const index = next % 50;
      const value = await cache.get(`k${index}`);
      if (value !== index) wrong.push({ index, value });
    });
    await waitUntil('100 gets', 30_000, () => load.succeeded >= 100);
    await server.kill();
    await waitUntil('20 failures', 30_000, () => load.failures.length >= 20);
    await server.restart();
    const { succeeded } = load;
    await waitUntil('100 gets after the restart', 30_000, () => load.succeeded > succeeded + 100);
    await load.stop();
    expect(wrong).toEqual([]);
  });
});

describe.each(CACHE_POOLS)('$pool', ({ open, recoveryLimitMs }) => {
  test('row 25: tables that came back empty from a crash are all misses, and nothing from before is served or filled', async () => {
    await using lean = await startMigrated({}, 'lean');
    const { server } = lean;
    await using opened = await open(server.url);
    const { cache } = opened;
    await cache.set('plain', 1);
    await cache.set('tagged', 1, { tags: ['t'] });
    await cache.invalidateTags(['u']);
    const { lease } = (await cache.getOrLease('leased')) as { lease?: { key: string; token: string } };
    if (lease === undefined) throw new Error('The first to ask gets the lease.');
    await server.kill();
    await server.restart();
    await recovery('A get after the restart', recoveryLimitMs, () => cache.get('plain'));

    expect(await cache.mget(['plain', 'tagged', 'leased'])).toEqual([undefined, undefined, undefined]);
    expect(await cache.fill(lease, 'loaded before')).toBe(false);
    expect(await cache.increment('n')).toBe(1);
    await cache.set('tagged', 2, { tags: ['t'] });
    expect(await cache.get('tagged')).toBe(2);
    await cache.invalidateTags(['t']);
    expect(await cache.get('tagged')).toBeUndefined();
    expect(await cache.getOrLease('leased')).toMatchObject({ state: 'missing', lease: expect.anything() });
    expect(await cache.cleanupExpired()).toBeGreaterThanOrEqual(0);
  });
});

test('row 25: a dump restored on another server is emptied before it is used, as its snapshots mean nothing there', async () => {
  const { server, admin } = migrated;
  await using other = await startPostgres();
  const target = postgres(other.url, { max: 1, onnotice: () => {} });
  try {
    await migrate(target);
    await using opened = await ownPool.open(server.url, { namespace: 'dump' });
    await opened.cache.set('dumped', 1, null);
    const [row] = await admin.run(
      "SELECT encode(key, 'hex') AS key, plain_key, namespace, snap::text FROM cache WHERE plain_key = 'dumped'",
    );
    await target`INSERT INTO cache (key, plain_key, namespace, value, snap) VALUES
      (decode(${String(row?.['key'])}, 'hex'), 'dumped', 'dump', '1', ${String(row?.['snap'])}::text::pg_snapshot)`;
    const identifier = await admin.valueOf('SELECT system_identifier::text FROM cache_horizon');
    await target`UPDATE cache_horizon SET system_identifier = ${String(identifier)}::text::bigint`;
    await using restored = await ownPool.open(other.url, { namespace: 'dump' });
    expect(await restored.cache.get('dumped')).toBeUndefined();
    await restored.cache.set('dumped', 2);
    await using again = await ownPool.open(other.url, { namespace: 'dump' });
    expect(await again.cache.get('dumped')).toBe(2);
  } finally {
    await target.end({ timeout: 1 });
  }
});
