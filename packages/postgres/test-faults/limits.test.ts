import { DatabaseCache } from '@cache/postgres';
import { startLoad, waitUntil } from '@cache/test-servers';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { administer } from './administrator.ts';
import { CACHE_POOLS, openPool, ownPool } from './cache-pools.ts';
import { EVERY_CALL } from './every-call.ts';
import { DEADLINES, failureOf, outageOf, recovery } from './failures.ts';
import { type MigratedServer, startMigrated } from './migrated-server.ts';

let migrated: MigratedServer;

beforeAll(async () => {
  migrated = await startMigrated({ max_connections: 20, superuser_reserved_connections: 5 });
  await migrated.admin.run(`CREATE ROLE app LOGIN; GRANT ALL ON SCHEMA public TO app;
    GRANT ALL ON ALL TABLES IN SCHEMA public TO app; GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO app`);
});

afterAll(async () => {
  await migrated[Symbol.asyncDispose]();
});

function urlOf(user: string, application: string): string {
  return migrated.server.url.replace('postgres@', `${user}@`).concat(`?application_name=${application}`);
}

/** How many server processes of an application there are, and how many of them wait for a lock. */
async function processesOf(application: string): Promise<{ total: number; waiting: number }> {
  const [row] = await migrated.admin.run(`SELECT count(*)::int AS total,
    (count(*) FILTER (WHERE wait_event_type = 'Lock'))::int AS waiting
    FROM pg_stat_activity WHERE application_name = '${application}'`);
  return { total: Number(row?.['total']), waiting: Number(row?.['waiting']) };
}

describe.each(CACHE_POOLS)('$pool', ({ open, recoveryLimitMs }) => {
  test('row 32: a row that an application holds makes a write a timeout at its deadline; no lock is left and the pool is usable', async () => {
    const { admin } = migrated;
    await using opened = await open(urlOf('postgres', 'rowlock'));
    const { cache } = opened;
    await cache.mset([
      ['held', 'before'],
      ['free', 'before'],
    ]);
    await admin.run("BEGIN; SELECT 1 FROM cache WHERE plain_key = 'held' FOR UPDATE");
    try {
      const { ambiguous } = await failureOf(cache.set('held', 'late'), 'ERR_CACHE_TIMEOUT');
      expect(ambiguous).toBe(true);
      expect(await recovered(() => cache.get('held'))).toBe('before');
      await recovered(() => cache.set('free', 'after'));
      expect(await cache.get('free')).toBe('after');
    } finally {
      await admin.run('ROLLBACK');
    }
    await waitUntil('No process waiting for a lock', 30_000, async () => (await processesOf('rowlock')).waiting === 0);
    await recovery('A write of what was held', recoveryLimitMs, () => cache.set('held', 'after'));
    expect(await cache.get('held')).toBe('after');
    expect(await admin.run("SELECT 1 FROM cache WHERE plain_key = 'held' FOR UPDATE NOWAIT")).toHaveLength(1);
  });

  test('row 32: a table that an administrator locks makes every call reject in time, and the pool is usable afterwards', async () => {
    const { admin } = migrated;
    await using opened = await open(urlOf('postgres', 'tablelock'));
    const { cache } = opened;
    await cache.set('a', 'before');
    await admin.run(
      'BEGIN; LOCK TABLE cache, cache_removal, cache_tag, cache_horizon, cache_event IN ACCESS EXCLUSIVE MODE',
    );
    try {
      await Promise.all(EVERY_CALL.map(({ run }) => failureOf(run(cache), 'ERR_CACHE_TIMEOUT')));
    } finally {
      await admin.run('ROLLBACK');
    }
    await recovery('A get once the table is free', recoveryLimitMs, () => cache.get('a'));
    await recovery('A set once the table is free', recoveryLimitMs, () => cache.set('a', 'after'));
    expect(await cache.get('a')).toBe('after');
    await waitUntil(
      'No process waiting for a lock',
      30_000,
      async () => (await processesOf('tablelock')).waiting === 0,
    );
  });

  test('row 32: a server that takes no more connections is unavailable, and is used once it does', async () => {
    const { admin } = migrated;
    await waitUntil('Nobody else being there', 30_000, async () => {
      const others = "backend_type = 'client backend' AND application_name <> 'administrator'";
      return Number(await admin.valueOf(`SELECT count(*) FROM pg_stat_activity WHERE ${others}`)) === 0;
    });
    const crowd = openPool(urlOf('app', 'crowd'), { max: 20 });
    try {
      const refusals: unknown[] = [];
      const busy = Array.from({ length: 20 }, () =>
        crowd`SELECT pg_sleep(600)`.catch((error) => refusals.push(error.code)),
      );
      await waitUntil('No connection to spare', 30_000, () => refusals.includes('53300'));
      await using opened = await open(urlOf('app', 'latecomer'));
      const { cache } = opened;
      const errors = await Promise.all(EVERY_CALL.map(({ run }) => outageOf(run(cache))));
      expect(errors.map(({ cause }) => cause)).toContainEqual({ name: 'PostgresError', code: '53300' });
      expect(errors.filter(({ code, ambiguous }) => code === 'ERR_CACHE_UNAVAILABLE' && ambiguous)).toEqual([]);
      await admin.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'crowd'");
      await Promise.all(busy);
      await recovery('A get once there is room', recoveryLimitMs, () => cache.get('a'));
    } finally {
      await crowd.end({ timeout: 0 });
    }
  });

  test('row 32: a statement that the server gives up is a timeout that did not happen, and the connection goes on', async () => {
    const { admin } = migrated;
    await admin.run("ALTER ROLE app SET statement_timeout = '100ms'");
    await using opened = await open(urlOf('app', 'impatient'), { writeTimeoutMs: 10_000 });
    const { cache } = opened;
    await recovery('A set', 30_000, () => cache.set('held', 'before'));
    await admin.run("BEGIN; SELECT 1 FROM cache WHERE plain_key = 'held' FOR UPDATE");
    try {
      const { ambiguous } = await failureOf(cache.set('held', 'late'), 'ERR_CACHE_TIMEOUT');
      expect(ambiguous).toBe(false);
      const counted = await failureOf(cache.increment('held'), 'ERR_CACHE_TIMEOUT');
      expect(counted.ambiguous).toBe(false);
    } finally {
      await admin.run('ROLLBACK');
      await admin.run('ALTER ROLE app RESET statement_timeout');
    }
    // The pool's connections still have that patience.
    expect(await recovered(() => cache.get('held'))).toBe('before');
  });
});

test('row 32: seconds of load on a locked table leave no crowd of waiting server processes behind', async () => {
  const { admin } = migrated;
  await using locker = administer(migrated.server);
  await using opened = await ownPool.open(urlOf('postgres', 'pileup'), { readTimeoutMs: 250 });
  const { cache } = opened;
  await cache.set('a', 'before');
  await locker.run('BEGIN; LOCK TABLE cache IN ACCESS EXCLUSIVE MODE');
  const seen = new Set<unknown>();
  let most = 0;
  const load = startLoad(4, async () => {
    await cache.get('a');
  });
  try {
    await waitUntil('Connections being replaced many times', 120_000, async () => {
      const rows = await admin.run("SELECT pid FROM pg_stat_activity WHERE application_name = 'pileup'");
      for (const { pid } of rows) seen.add(pid);
      most = Math.max(most, rows.length);
      return seen.size >= 15;
    });
  } finally {
    await locker.run('ROLLBACK');
  }
  await recovery('A get once the table is free', ownPool.recoveryLimitMs, () => cache.get('a'));
  await load.stop();
  // The pool's two, two that are being ended, and two that are being opened. If one stayed each time, it would be all of them.
  expect(most).toBeLessThanOrEqual(6);
  await waitUntil('No more than the pool has', 30_000, async () => (await processesOf('pileup')).total <= 2);
  expect(await admin.valueOf('SELECT 1')).toBe(1);
});

test('row 32: a pool whose every connection is taken makes each call a timeout at its deadline, and is usable when one is free', async () => {
  const sql = openPool(urlOf('postgres', 'exhausted'), { max: 2 });
  try {
    const cache = new DatabaseCache(sql, { ...DEADLINES, hooks: { onError: () => {} } });
    await cache.set('a', 'before');
    let release = (): void => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const taken = [1, 2].map(() =>
      sql.begin(async (tx) => {
        await tx`SELECT 1`;
        await released;
      }),
    );
    await waitUntil('Both connections being taken', 30_000, async () => (await processesOf('exhausted')).total === 2);
    await Promise.all(EVERY_CALL.map(({ run }) => failureOf(run(cache), 'ERR_CACHE_TIMEOUT')));
    release();
    await Promise.all(taken);
    await recovery('A get once a connection is free', 30_000, () => cache.get('a'));
  } finally {
    await sql.end({ timeout: 0 });
  }
});

test('row 32: inside a transaction a cache uses no second connection, so a pool of one is enough', async () => {
  const sql = openPool(urlOf('postgres', 'single'), { max: 1 });
  try {
    const cache = new DatabaseCache(sql, DEADLINES);
    await sql.begin(async (tx) => {
      const inside = cache.using(tx);
      await inside.set('in', 1);
      expect(await inside.get('in')).toBe(1);
      await inside.removeItem('out');
      await inside.invalidateTags(['t']);
    });
    expect(await cache.get('in')).toBe(1);
  } finally {
    await sql.end({ timeout: 0 });
  }
});

/** What a call answers once the pool has replaced the connections that it no longer trusts. */
async function recovered<T>(call: () => Promise<T>): Promise<T | undefined> {
  let answer: T | undefined;
  await recovery('A call over another connection', 30_000, async () => {
    answer = await call();
  });
  return answer;
}
