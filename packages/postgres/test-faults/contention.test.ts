import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseCache } from '@cache/postgres';
import { waitUntil } from '@cache/test-servers';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { administer } from './administrator.ts';
import { openPool, ownPool } from './cache-pools.ts';
import { failureOf } from './failures.ts';
import { type MigratedServer, startMigrated } from './migrated-server.ts';

let migrated: MigratedServer;

beforeAll(async () => {
  migrated = await startMigrated({ deadlock_timeout: '300ms', ...LOGGED });
});

afterAll(async () => {
  await migrated[Symbol.asyncDispose]();
});

const PATIENT = { readTimeoutMs: 20_000, writeTimeoutMs: 20_000 };

/** PostgreSQL's own statistics come seconds late; its log does not. */
const LOGGED = { logging_collector: 'on', log_directory: 'log', log_filename: 'server.log' };

function deadlocks(): number {
  const log = readFileSync(join(migrated.server.folder, 'data', 'log', 'server.log'), 'utf8');
  return log.split('deadlock detected').length - 1;
}

/** Keys in an order of its own, the same for every run. */
function shuffled<T>(items: readonly T[], seed: number): T[] {
  const order = items.map((item, index) => ({ item, rank: Math.sin(seed * 1_000 + index) }));
  return order.sort((a, b) => a.rank - b.rank).map(({ item }) => item);
}

const KEYS = Array.from({ length: 400 }, (_, index) => `k${index}`);
const WRITERS = 16;

describe('row 51: many writers of the same keys', () => {
  test('row 51: 16 writers that set and remove the same 400 keys, each in an order of its own, deadlock never and apply all', async () => {
    const { server } = migrated;
    const before = deadlocks();
    const pools = Array.from({ length: WRITERS }, () => openPool(server.url, { max: 2 }));
    try {
      const caches = pools.map((sql) => new DatabaseCache(sql, { ...PATIENT, namespace: 'crowd' }));
      await Promise.all(
        caches.map(async (cache, writer) => {
          for (let round = 0; round < 4; round += 1) {
            const keys = shuffled(KEYS, writer * 10 + round);
            await cache.mset(keys.map((key) => [key, writer]));
            await cache.removeItems(shuffled(KEYS, writer).slice(0, 100));
          }
          await cache.mset(shuffled(KEYS, writer).map((key) => [key, `last of ${writer}`]));
        }),
      );
      const values = (await caches[0]?.mget(KEYS)) ?? [];
      expect(values.filter((value) => typeof value !== 'string' || !value.startsWith('last of'))).toEqual([]);
    } finally {
      await Promise.all(pools.map((sql) => sql.end({ timeout: 1 })));
    }
    expect(deadlocks() - before).toBe(0);
  });

  test('row 51: control: the same upserts in the order of the keys given deadlock', async () => {
    const { server, admin } = migrated;
    await admin.run('CREATE TABLE naive (key text PRIMARY KEY, value text)');
    const before = deadlocks();
    const pools = Array.from({ length: WRITERS }, () => openPool(server.url, { max: 1 }));
    let victims = 0;
    try {
      await Promise.all(
        pools.map(async (sql, writer) => {
          for (let round = 0; round < 20 && victims === 0; round += 1) {
            const keys = JSON.stringify(shuffled(KEYS, writer * 100 + round));
            await sql`INSERT INTO naive SELECT k, 'value' FROM jsonb_array_elements_text(${keys}::text::jsonb) k
              ON CONFLICT (key) DO UPDATE SET value = EXCLUDED.value`.catch((error: { code: string }) => {
              if (error.code === '40P01') victims += 1;
            });
          }
        }),
      );
    } finally {
      await Promise.all(pools.map((sql) => sql.end({ timeout: 1 })));
    }
    expect(victims).toBeGreaterThan(0);
    await waitUntil('The deadlock in the log', 30_000, () => deadlocks() > before);
  });

  test('row 51: a deadlock with an application’s transaction is tried again, and nobody notices', async () => {
    const { server, admin } = migrated;
    await using opened = await ownPool.open(server.url, { ...PATIENT, namespace: 'deadlock' });
    const { cache } = opened;
    await cache.mset([
      ['x', 0],
      ['y', 0],
    ]);
    const rows = await admin.run("SELECT id FROM cache WHERE namespace = 'deadlock' ORDER BY key");
    const [first, second] = rows.map((row) => Number(row['id']));
    const before = deadlocks();
    await using application = administer(server);
    // Of two that wait for each other, the one whose patience ends is rolled back: the cache.
    await application.run(
      `SET deadlock_timeout = '20s'; BEGIN; UPDATE cache SET updated_at = now() WHERE id = ${second}`,
    );
    const stored = cache.mset([
      ['x', 1],
      ['y', 1],
    ]);
    await waitUntil('The cache waiting for the row', 30_000, async () => {
      const waiting = await admin.valueOf("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'");
      return Number(waiting) === 1;
    });
    await application.run(`UPDATE cache SET updated_at = now() WHERE id = ${first}`);
    await application.run('COMMIT');
    await stored;
    expect(await cache.mget(['x', 'y'])).toEqual([1, 1]);
    // The one that was woken and the one that tries again may meet once more.
    await waitUntil('The deadlock in the log', 30_000, () => deadlocks() > before);
  });

  test('row 51: a serialization failure is tried again; a counter is not, and says that it did not happen', async () => {
    const { server, admin } = migrated;
    await admin.run(
      "CREATE ROLE strict LOGIN SUPERUSER; ALTER ROLE strict SET default_transaction_isolation = 'repeatable read'",
    );
    await using opened = await ownPool.open(server.url.replace('postgres@', 'strict@'), {
      ...PATIENT,
      namespace: 'strict',
    });
    const { cache } = opened;
    await cache.mset([
      ['a', 0],
      ['n', 0],
    ]);
    const holding = async (key: string, call: () => Promise<unknown>): Promise<unknown> => {
      await using application = administer(server);
      await application.run(
        `BEGIN; UPDATE cache SET updated_at = now() WHERE namespace = 'strict' AND plain_key = '${key}'`,
      );
      const answer = call();
      answer.catch(() => {});
      await waitUntil('The cache waiting for the row', 30_000, async () => {
        const waiting = await admin.valueOf("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'");
        return Number(waiting) === 1;
      });
      await application.run('COMMIT');
      return answer;
    };
    await holding('a', () => cache.set('a', 1));
    expect(await cache.get('a')).toBe(1);
    const { ambiguous } = await failureOf(
      holding('n', () => cache.increment('n')),
      'ERR_CACHE_UNAVAILABLE',
    );
    expect(ambiguous).toBe(false);
    expect(await cache.get('n')).toBe(0);
  });
});

describe('row 50: a reader that finds an expired row', () => {
  const expire = (namespace: string): Promise<unknown> =>
    migrated.admin.run(`UPDATE cache SET expires_at = 1 WHERE namespace = '${namespace}'`);

  test('row 50: does not delete what is being refreshed, nor wait for it', async () => {
    const { server } = migrated;
    const sql = openPool(server.url);
    try {
      const cache = new DatabaseCache(sql, { ...PATIENT, namespace: 'refresh' });
      await cache.set('a', 'old');
      await expire('refresh');
      await sql.begin(async (tx) => {
        await cache.using(tx).set('a', 'new', 300);
        expect(await cache.get('a')).toBeUndefined();
        expect(await cache.cleanupExpired()).toBe(0);
      });
      await new Promise((swept) => setTimeout(swept, 100));
      expect(await cache.get('a')).toBe('new');
    } finally {
      await sql.end({ timeout: 1 });
    }
  });

  test('row 50: and a writer at the same time leave the written value, every time', async () => {
    const { server } = migrated;
    await using reading = await ownPool.open(server.url, { ...PATIENT, namespace: 'race' });
    await using writing = await ownPool.open(server.url, { ...PATIENT, namespace: 'race' });
    for (let round = 0; round < 100; round += 1) {
      await writing.cache.set('a', 'old');
      await expire('race');
      await Promise.all([
        reading.cache.get('a'),
        writing.cache.set('a', round, 300),
        round % 5 === 0 ? reading.cache.cleanupExpired() : reading.cache.exists('a'),
      ]);
      expect(await reading.cache.get('a')).toBe(round);
    }
  });

  test('row 50: control: a delete by key alone removes the refreshed row', async () => {
    const { server, admin } = migrated;
    const sql = openPool(server.url);
    try {
      const cache = new DatabaseCache(sql, { ...PATIENT, namespace: 'naive' });
      await cache.set('a', 'old');
      await expire('naive');
      let deleted: Promise<unknown> = Promise.resolve();
      await sql.begin(async (tx) => {
        await cache.using(tx).set('a', 'new', 300);
        deleted = sql`DELETE FROM cache WHERE namespace = 'naive' AND plain_key = 'a'`.execute();
        await waitUntil('The delete waiting', 30_000, async () => {
          const waiting = await admin.valueOf("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'");
          return Number(waiting) === 1;
        });
      });
      await deleted;
      expect(await cache.get('a')).toBeUndefined();
    } finally {
      await sql.end({ timeout: 1 });
    }
  });
});
