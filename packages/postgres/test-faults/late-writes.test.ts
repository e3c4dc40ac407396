import { DatabaseCache } from '@cache/postgres';
import { type LateLink, startLateLink, uniqueName, waitUntil } from '@cache/test-servers';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Sql } from 'postgres';
import { administer } from './administrator.ts';
import { CACHE_POOLS, openPool } from './cache-pools.ts';
import { DEADLINES, failureOf, outageOf, recovery } from './failures.ts';
import { type MigratedServer, startMigrated } from './migrated-server.ts';

/** What a write that was given up may still do: nothing, once a later one was acknowledged. */
let migrated: MigratedServer;

beforeAll(async () => {
  migrated = await startMigrated();
});

afterAll(async () => {
  await migrated[Symbol.asyncDispose]();
});

const QUIET = { hooks: { onError: () => {} } };

function urlOf(link: LateLink): string {
  return `postgres://postgres@127.0.0.1:${link.port}/postgres`;
}

/** How many server processes of an application wait for a lock. */
async function waiting(application: string): Promise<number> {
  const waiters = `application_name = '${application}' AND wait_event_type = 'Lock'`;
  return Number(await migrated.admin.valueOf(`SELECT count(*) FROM pg_stat_activity WHERE ${waiters}`));
}

describe.each(CACHE_POOLS)('$pool', ({ open, recoveryLimitMs }) => {
  test('row 23: a set that timed out in a link that breaks then does not come back after an acknowledged removal', async () => {
    await using link = await startLateLink(migrated.server.port);
    await using opened = await open(urlOf(link), { namespace: uniqueName('broken') });
    const { cache } = opened;
    await cache.set('a', 'first');
    link.holdRequests();
    expect(await failureOf(cache.set('a', 'late'), 'ERR_CACHE_TIMEOUT')).toMatchObject({ ambiguous: true });
    link.dropClients();
    await recovery('A removal over a new connection', recoveryLimitMs, () => cache.removeItem('a'));
    await link.deliverHeld();
    expect(await cache.get('a')).toBeUndefined();
  });

  test('row 23: a set that timed out in a link that stays silent does not come back either', async () => {
    await using link = await startLateLink(migrated.server.port);
    await using opened = await open(urlOf(link), { namespace: uniqueName('silent') });
    const { cache } = opened;
    await cache.set('a', 'first');
    link.holdRequests();
    await failureOf(cache.set('a', 'late'), 'ERR_CACHE_TIMEOUT');
    await recovery('A removal over another connection', recoveryLimitMs, () => cache.removeItem('a'));
    await link.deliverHeld();
    expect(await cache.get('a')).toBeUndefined();
  });

  test('row 24: a set whose connection was lost under it, and that was sent again, does not come back after a removal', async () => {
    await using link = await startLateLink(migrated.server.port);
    const patient = { readTimeoutMs: 20_000, writeTimeoutMs: 20_000 };
    await using opened = await open(urlOf(link), { namespace: uniqueName('lost'), ...patient });
    const { cache } = opened;
    await cache.set('a', 'first');
    link.holdRequests();
    const lost = cache.set('a', 'late');
    await waitUntil('The statement being under way', 30_000, () => link.heldBytes > 0);
    link.dropClients();
    await lost;
    await cache.removeItem('a');
    await link.deliverHeld();
    expect(await cache.get('a')).toBeUndefined();
  });
});

describe('a pool that an application shares with a cache', () => {
  async function shared(
    max: number,
    run: (sql: Sql, cache: DatabaseCache, application: string) => Promise<void>,
  ): Promise<void> {
    const application = uniqueName('shared');
    const sql = openPool(`${migrated.server.url}?application_name=${application}`, { max });
    const cache = new DatabaseCache(sql, { ...DEADLINES, ...QUIET, namespace: application });
    try {
      await run(sql, cache, application);
    } finally {
      await cache.close();
      await sql.end({ timeout: 0 });
    }
  }

  test('row 32: a set that waits for a row of a transaction is over before the next write, and neither the transaction nor queries behind the set notice', async () => {
    await shared(2, async (sql, cache, application) => {
      await cache.mset([
        ['held', 'before'],
        ['free', 'before'],
      ]);
      let commit = (): void => {};
      const committed = new Promise<void>((resolve) => {
        commit = resolve;
      });
      let isHeld = false;
      const transaction = sql.begin(async (tx) => {
        await tx`SELECT 1 FROM cache WHERE plain_key = 'held' AND namespace = ${application} FOR UPDATE`;
        isHeld = true;
        await committed;
        return tx`SELECT 2 AS answer`;
      });
      await waitUntil('The row being held', 30_000, () => isHeld);
      // The other connection knows the statement, so that the application's query is sent behind it.
      await cache.set('free', 'known');
      const late = failureOf(cache.set('held', 'late'), 'ERR_CACHE_TIMEOUT');
      await waitUntil('The set waiting for the row', 30_000, async () => (await waiting(application)) === 1);
      const behind = [sql.unsafe('SELECT 1 AS answer'), sql.unsafe('SELECT 2 AS answer')].map((query) =>
        query.execute(),
      );
      await late;
      await recovery('A write of another key', 30_000, () => cache.set('free', 'after'));
      expect(await waiting(application)).toBe(0);
      expect(await Promise.all(behind)).toMatchObject([[{ answer: 1 }], [{ answer: 2 }]]);
      await outageOf(cache.removeItem('held'));
      commit();
      expect(await transaction).toMatchObject([{ answer: 2 }]);
      await recovery('A removal of what was held', 30_000, () => cache.removeItem('held'));
      expect(await cache.mget(['held', 'free'])).toEqual([undefined, 'after']);
    });
  });

  test('row 32: a set behind a long query of the application is waited for, and the query is left alone', async () => {
    await shared(1, async (sql, cache) => {
      await cache.set('a', 'first');
      const order: string[] = [];
      const long = sql.unsafe("SELECT 'answered' AS answer FROM pg_sleep(3)").then(([row]) => {
        order.push('query');
        return row;
      });
      await failureOf(cache.set('a', 'late'), 'ERR_CACHE_TIMEOUT');
      await recovery('A removal', 30_000, () => cache.removeItem('a'));
      order.push('removal');
      expect(await long).toEqual({ answer: 'answered' });
      expect(order).toEqual(['query', 'removal']);
      expect(await cache.get('a')).toBeUndefined();
    });
  });

  test('row 32: a set that the pool had no connection for is not carried out when there is one', async () => {
    await shared(1, async (sql, cache, application) => {
      await cache.set('a', 'first');
      let release = (): void => {};
      const released = new Promise<void>((resolve) => {
        release = resolve;
      });
      const taken = sql.begin(async (tx) => {
        await tx`SELECT 1`;
        await released;
      });
      await using admin = administer(migrated.server);
      await waitUntil('The connection being taken', 30_000, async () => {
        const idle = `application_name = '${application}' AND state = 'idle in transaction'`;
        return Number(await admin.valueOf(`SELECT count(*) FROM pg_stat_activity WHERE ${idle}`)) === 1;
      });
      await failureOf(cache.set('a', 'late'), 'ERR_CACHE_TIMEOUT');
      release();
      await taken;
      expect(await cache.get('a')).toBe('first');
    });
  });
});
