import type { Lease, LeasingCache } from '@cache/core';
import { DatabaseCache, migrate } from '@cache/postgres';
import { type Server, startPostgres } from '@cache/test-servers';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import postgres, { type Sql } from 'postgres';
import { NaiveFence } from './naive-fence.ts';

/** A server of our own: which transactions have completed decides these cases, and nobody else may complete any. */
let server: Server;
let sql: Sql;
let other: Sql;
let cache: DatabaseCache;
let naive: NaiveFence;

beforeAll(async () => {
  server = await startPostgres({ settings: { autovacuum: 'off' } });
  sql = postgres(server.url, { max: 3, onnotice: () => {} });
  other = postgres(server.url, { max: 3, onnotice: () => {} });
  naive = new NaiveFence(sql);
  await naive.create();
  await sql`CREATE TABLE source (key text PRIMARY KEY, value text)`;
}, 60_000);

afterAll(async () => {
  await sql.end({ timeout: 1 });
  await other.end({ timeout: 1 });
  await server.close();
});

beforeEach(async () => {
  await sql`DROP TABLE IF EXISTS cache, cache_removal, cache_tag, cache_event, cache_horizon`;
  await sql`DROP SEQUENCE IF EXISTS cache_seq`;
  await sql`TRUNCATE naive_item, naive_log, source`;
  await migrate(sql);
  cache = new DatabaseCache(sql, { readTimeoutMs: 5_000, writeTimeoutMs: 5_000 });
});

afterEach(() => cache.close());

async function leaseOf(leasing: LeasingCache, key: string): Promise<Lease> {
  const entry = await leasing.getOrLease(key);
  if (!('lease' in entry) || entry.lease === undefined) throw new Error(`No lease, but ${entry.state}.`);
  return entry.lease;
}

/** A transaction that does nothing but complete. */
async function completeTransaction(): Promise<void> {
  await other`SELECT pg_current_xact_id()`;
}

describe('a fill after a plain set with an equal snapshot', () => {
  test('is dropped', async () => {
    const lease = await leaseOf(cache, 'k');
    await cache.set('k', 'new');
    expect(await cache.fill(lease, 'old')).toBe(false);
    expect(await cache.get('k')).toBe('new');
  });

  test('control: where snapshots alone are compared, the old value wins', async () => {
    const snapshot = await naive.snapshot();
    await naive.set(sql, 'k', 'new', 't');
    await naive.fill('k', 'old', 't', snapshot);
    expect(await naive.get('k')).toBe('old');
  });
});

describe('a set followed by an invalidation of its tag in one transaction', () => {
  test('is gone after the commit, although the transaction counts as seen by its own snapshot', async () => {
    await sql.begin(async (tx) => {
      await tx`SELECT pg_current_xact_id()`;
      await completeTransaction();
      const inside = cache.using(tx);
      await inside.set('k', 'old', { tags: ['t'] });
      await inside.invalidateTags(['t']);
      expect(await inside.get('k')).toBeUndefined();
    });
    expect(await cache.get('k')).toBeUndefined();
  });

  test('control: judged by the snapshot alone, the old value stays', async () => {
    await sql.begin(async (tx) => {
      await tx`SELECT pg_current_xact_id()`;
      await completeTransaction();
      await naive.set(tx, 'k', 'old', 't');
      await naive.invalidate(tx, 't');
    });
    expect(await naive.get('k')).toBe('old');
  });
});

describe('a set after an invalidation of its tag in one transaction', () => {
  test('is found, although the transaction counts as unseen by its own snapshot', async () => {
    await sql.begin(async (tx) => {
      const inside = cache.using(tx);
      await inside.invalidateTags(['t']);
      await inside.removeItem('k');
      await inside.set('k', 'new', { tags: ['t'] });
      expect(await inside.get('k')).toBe('new');
    });
    expect(await cache.get('k')).toBe('new');
  });

  test('control: judged by the snapshot alone, the set is lost', async () => {
    await sql.begin(async (tx) => {
      await naive.invalidate(tx, 't');
      await naive.set(tx, 'k', 'new', 't');
    });
    expect(await naive.get('k')).toBeUndefined();
  });
});

describe('a plain set between a removal in a transaction and its commit', () => {
  test('does not survive the commit', async () => {
    await sql.begin(async (tx) => {
      await cache.using(tx).removeItem('k');
      await new DatabaseCache(other, { writeTimeoutMs: 5_000 }).set('k', 'old');
    });
    expect(await cache.get('k')).toBeUndefined();
  });

  test('control: what deletes a row that is not there yet removes nothing', async () => {
    await sql.begin(async (tx) => {
      await tx`DELETE FROM naive_item WHERE key = 'k'`;
      await naive.set(other, 'k', 'old', 't');
    });
    expect(await naive.get('k')).toBe('old');
  });
});

describe('a load in a REPEATABLE READ transaction that began before the lease', () => {
  /** The source as an older transaction sees it, with a change, acknowledged removal and lease after its beginning. */
  async function loadedTooEarly(): Promise<{ lease: Lease; value: string; snapshot: string }> {
    await sql`INSERT INTO source VALUES ('k', 'old')`;
    return (await sql.begin('ISOLATION LEVEL REPEATABLE READ', async (tx) => {
      const [begun] = await tx`SELECT pg_current_snapshot()::text AS snapshot`;
      await other`UPDATE source SET value = 'new' WHERE key = 'k'`;
      await cache.removeItem('k');
      const lease = await leaseOf(cache, 'k');
      const [row] = await tx`SELECT value FROM source WHERE key = 'k'`;
      return { lease, value: row?.['value'] as string, snapshot: begun?.['snapshot'] as string };
    })) as { lease: Lease; value: string; snapshot: string };
  }

  test('is not stored when it brings its snapshot', async () => {
    const { lease, value, snapshot } = await loadedTooEarly();
    expect(value).toBe('old');
    expect(await cache.fill(lease, value, { snapshot })).toBe(false);
    expect(await cache.get('k')).toBeUndefined();
  });

  test('control: without its snapshot it is stored', async () => {
    const { lease, value } = await loadedTooEarly();
    expect(await cache.fill(lease, value)).toBe(true);
    expect(await cache.get('k')).toBe('old');
  });

  test('is stored when the transaction began after the lease, and while a transaction open at both goes on', async () => {
    await other.begin(async (tx) => {
      await tx`SELECT pg_current_xact_id()`;
      const lease = await leaseOf(cache, 'k');
      const snapshot = await naive.snapshot();
      expect(await cache.fill(lease, 'v', { snapshot })).toBe(true);
    });
    expect(await cache.get('k')).toBe('v');
  });

  test('is not stored by the horizon of a standby that lags behind the lease', async () => {
    await completeTransaction();
    const [behind] = await sql`SELECT pg_snapshot_xmin(pg_current_snapshot())::text AS xmin`;
    await completeTransaction();
    const lease = await leaseOf(cache, 'k');
    expect(await cache.fill(lease, 'v', { snapshot: `${behind?.['xmin']}:${behind?.['xmin']}:` })).toBe(false);
  });
});

describe('a fill inside a REPEATABLE READ transaction of a row that was changed since', () => {
  test('stores nothing and leaves the transaction whole', async () => {
    const lease = await leaseOf(cache, 'k');
    await sql.begin('ISOLATION LEVEL REPEATABLE READ', async (tx) => {
      await tx`INSERT INTO source VALUES ('k', 'kept')`;
      await cache.set('k', 'newer');
      expect(await cache.using(tx).fill(lease, 'older')).toBe(false);
    });
    expect(await sql`SELECT value FROM source`).toEqual([{ value: 'kept' }]);
    expect(await cache.get('k')).toBe('newer');
  });

  test('control: an UPDATE there ends the transaction with 40001', async () => {
    await cache.set('k', 'old');
    const business = sql.begin('ISOLATION LEVEL REPEATABLE READ', async (tx) => {
      await tx`INSERT INTO source VALUES ('k', 'lost')`;
      await cache.set('k', 'newer');
      await tx`UPDATE cache SET value = '"older"' WHERE plain_key = 'k'`;
    });
    await expect(business).rejects.toMatchObject({ code: '40001' });
    expect(await sql`SELECT value FROM source`).toEqual([]);
  });
});

describe('an entry that a dump brought from another server', () => {
  /** Its snapshot claims to have seen what this server has yet to do, and the horizon names the server it is from. */
  async function restoreDump(): Promise<void> {
    await cache.set('k', 'old', { tags: ['t'] });
    await sql`UPDATE cache SET snap = '900000000:900000000:', xid = NULL`;
    await sql`UPDATE cache_horizon SET system_identifier = system_identifier - 1`;
  }

  test('is gone after migrate', async () => {
    await restoreDump();
    await migrate(sql);
    expect(await cache.get('k')).toBeUndefined();
    expect(
      await sql`SELECT 1 FROM cache_horizon, pg_control_system() c WHERE cache_horizon.system_identifier = c.system_identifier`,
    ).toHaveLength(1);
  });

  test('is gone after connect', async () => {
    await restoreDump();
    await using own = await DatabaseCache.connect(server.url);
    expect(await own.get('k')).toBeUndefined();
  });

  test('control: used as it is, no invalidation reaches it', async () => {
    await restoreDump();
    await cache.invalidateTags(['t']);
    expect(await cache.get('k')).toBe('old');
  });
});

describe('a late fill whose tag was invalidated and trimmed from the log', () => {
  test('is a miss by the horizon', async () => {
    const lease = await leaseOf(cache, 'k');
    await cache.invalidateTags(['t']);
    await sql`UPDATE cache_tag SET at = at - interval '2 hours'`;
    await completeTransaction();
    await cache.cleanupExpired();
    expect(await sql`SELECT FROM cache_tag`).toHaveLength(0);
    expect(await cache.fill(lease, 'old', { tags: ['t'] })).toBe(false);
    expect(await cache.get('k')).toBeUndefined();
  });

  test('control: with the log trimmed and no horizon it is a hit', async () => {
    const lease = await leaseOf(cache, 'k');
    await cache.invalidateTags(['t']);
    await sql`DELETE FROM cache_tag`;
    await cache.fill(lease, 'old', { tags: ['t'] });
    expect(await cache.get('k')).toBe('old');
  });
});

describe('an invalidation that drew its number before another and commits after it', () => {
  /** An entry loaded when the later transaction had committed and the earlier had not. */
  async function fillBetween(before: () => Promise<void>): Promise<void> {
    await sql.begin(async (tx) => {
      await cache.using(tx).invalidateTags(['t']);
      const outside = new DatabaseCache(other, { readTimeoutMs: 5_000, writeTimeoutMs: 5_000 });
      await outside.invalidateTags(['t']);
      expect(await outside.fill(await leaseOf(outside, 'k'), 'old', { tags: ['t'] })).toBe(true);
      expect(await outside.get('k')).toBe('old');
    });
    await before();
  }

  test('kills the entry all the same', async () => {
    await fillBetween(async () => {});
    expect(await cache.get('k')).toBeUndefined();
  });

  test('control: with one row a tag, the newest, the entry stays', async () => {
    await fillBetween(async () => {
      await sql`DELETE FROM cache_tag a USING cache_tag b WHERE a.tag = b.tag AND a.xid < b.xid`;
    });
    expect(await cache.get('k')).toBe('old');
  });
});

describe('savepoints', () => {
  test('that are released count, and those rolled back leave no trace', async () => {
    await cache.mset([
      ['kept', 1],
      ['gone', 1],
    ]);
    await sql.begin(async (tx) => {
      await tx.savepoint((nested) => cache.using(nested).removeItem('gone'));
      await tx
        .savepoint(async (nested) => {
          await cache.using(nested).removeItem('kept');
          throw new Error('rolled back');
        })
        .catch(() => {});
    });
    expect(await cache.mget(['kept', 'gone'])).toEqual([1, undefined]);
  });
});
