import type { CacheError } from '@cache/core';
import { DatabaseCache } from '@cache/postgres';
import { settle } from '@cache/test-servers';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { callersPool, openPool, ownPool } from './cache-pools.ts';
import { DEADLINES, recovery, SETTLED_LIMIT_MS } from './failures.ts';
import { type MigratedServer, startMigrated } from './migrated-server.ts';

let migrated: MigratedServer;

beforeAll(async () => {
  migrated = await startMigrated();
});

afterAll(async () => {
  await migrated[Symbol.asyncDispose]();
});

const TERMINATE_OTHERS = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
  WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()`;

/** Every idempotent call, as the first one after its connections were lost. */
const FIRST_CALLS: Readonly<Record<string, (cache: DatabaseCache) => Promise<unknown>>> = {
  get: async (cache) => expect(await cache.get('a')).toBe('value'),
  mget: async (cache) => expect(await cache.mget(['a', 'b'])).toEqual(['value', undefined]),
  exists: async (cache) => expect(await cache.exists('a')).toBe(true),
  getTtl: async (cache) => expect(await cache.getTtl('a')).toBeNull(),
  getEntries: async (cache) => expect(await cache.getEntries(['a'])).toMatchObject([{ state: 'fresh' }]),
  set: (cache) => cache.set('c', 1),
  mset: (cache) => cache.mset([['c', 1]]),
  removeItem: (cache) => cache.removeItem('c'),
  removeItems: (cache) => cache.removeItems(['c', 'd']),
  expireItem: (cache) => cache.expireItem('c'),
  invalidateTags: (cache) => cache.invalidateTags(['t']),
  cleanupExpired: (cache) => cache.cleanupExpired(),
  ping: (cache) => cache.ping(),
};

/** Generous, since a server that has just started is slow: it is the retry that is judged here. */
const PATIENT = { readTimeoutMs: 10_000, writeTimeoutMs: 10_000 };

describe(ownPool.pool, () => {
  const { open } = ownPool;

  test('row 31: the first call after the server was restarted with an idle pool succeeds', async () => {
    const { server } = migrated;
    await using opened = await open(server.url, PATIENT);
    const { cache } = opened;
    await cache.set('a', 'value', null);
    await Promise.all([cache.get('a'), cache.set('c', 1), cache.ping()]);
    await server.restart();
    expect(await cache.get('a')).toBe('value');
    await cache.set('c', 2);
    await server.restart();
    await cache.set('c', 3);
    expect(await cache.get('c')).toBe(3);
  });

  test.each(Object.entries(FIRST_CALLS))(
    'row 31: the first %s after an idle pool’s server processes were terminated succeeds',
    async (_, call) => {
      const { server, admin } = migrated;
      await using opened = await open(server.url, PATIENT);
      const { cache } = opened;
      await cache.set('a', 'value', null);
      await Promise.all([cache.get('a'), cache.exists('a'), cache.set('b', 1), cache.ping()]);
      await cache.removeItem('b');
      await admin.run(TERMINATE_OTHERS);
      await call(cache);
    },
  );

  test('row 31: a call that must not be sent twice fails by name at worst, and the next succeeds', async () => {
    const { server, admin } = migrated;
    await using opened = await open(server.url, PATIENT);
    const { cache } = opened;
    await cache.set('n', 0, null);
    let acknowledged = 0;
    let ambiguous = 0;
    for (let round = 0; round < 10; round += 1) {
      await Promise.all([cache.get('n'), cache.ping()]);
      await admin.run(TERMINATE_OTHERS);
      await cache.increment('n').then(
        () => {
          acknowledged += 1;
        },
        (error: { code: string; ambiguous?: boolean }) => {
          expect(error.code).toBe('ERR_CACHE_UNAVAILABLE');
          if (error.ambiguous) ambiguous += 1;
        },
      );
    }
    const count = await cache.get('n');
    expect(count).toBeGreaterThanOrEqual(acknowledged);
    expect(count).toBeLessThanOrEqual(acknowledged + ambiguous);
  });
});

describe(callersPool.pool, () => {
  test('row 31: after its idle connections were terminated a call succeeds or fails by name in time, and all is well soon', async () => {
    const { server, admin } = migrated;
    const sql = openPool(server.url, { max: 10 });
    try {
      const cache = new DatabaseCache(sql, { ...DEADLINES, hooks: { onError: () => {} } });
      await cache.set('a', 'value', null);
      for (let round = 0; round < 4; round += 1) {
        await Promise.all(Array.from({ length: 10 }, () => sql`SELECT pg_sleep(0.02)`.catch(() => {})));
        await admin.run(TERMINATE_OTHERS);
        const first = await settle(cache.get('a'), SETTLED_LIMIT_MS);
        if (first.state === 'fulfilled') expect(first.value).toBe('value');
        else expect(['ERR_CACHE_TIMEOUT', 'ERR_CACHE_UNAVAILABLE']).toContain((first.reason as CacheError).code);
        await recovery('A get', callersPool.recoveryLimitMs, async () => expect(await cache.get('a')).toBe('value'));
      }
    } finally {
      await sql.end({ timeout: 0 });
    }
  });

  test('row 31: control: postgres.js alone fails statements again and again', async () => {
    const { server, admin } = migrated;
    const sql = openPool(server.url, { max: 2 });
    let failures = 0;
    try {
      // It fails whenever it writes before it has seen the end of its connection; the machine decides how often that is.
      for (let round = 0; round < 200; round += 1) {
        // A hang is possible too.
        const asked = [sql`SELECT 1`, sql`SELECT 2`].map((query) => settle(query, SETTLED_LIMIT_MS));
        await Promise.allSettled(asked);
        await admin.run(TERMINATE_OTHERS);
        const first = await settle(sql`SELECT 3`, SETTLED_LIMIT_MS).catch(() => undefined);
        if (first?.state !== 'fulfilled') failures += 1;
        if (failures > 2) break;
      }
      expect(failures).toBeGreaterThan(2);
    } finally {
      await sql.end({ timeout: 0 });
    }
  });
});

test('row 31: connections that end under load cost a reader nothing', async () => {
  const { server, admin } = migrated;
  await using opened = await ownPool.open(server.url, PATIENT);
  const { cache } = opened;
  await cache.mset(Array.from({ length: 20 }, (_, index) => [`k${index}`, index]));
  for (let round = 0; round < 10; round += 1) {
    const reads = Array.from({ length: 20 }, (_, index) => cache.get(`k${index}`));
    const terminated = admin.run(TERMINATE_OTHERS);
    expect(await Promise.all(reads)).toEqual(Array.from({ length: 20 }, (_, index) => index));
    await terminated;
  }
});
