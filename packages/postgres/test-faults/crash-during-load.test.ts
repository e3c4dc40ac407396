import type { Lease } from '@cache/core';
import { migrate } from '@cache/postgres';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { openApplication } from './application.ts';
import { type Application, fillOld, INVALIDATIONS, leaseOf } from './invalidations.ts';
import { type MigratedServer, startMigrated } from './migrated-server.ts';

const WAYS = Object.keys(INVALIDATIONS);
const TABLES = ['cache', 'cache_removal', 'cache_tag', 'cache_event'];

/** Keys, none of which is a prefix of another. */
const beforeCrash = (way: string): string => `${way}, before the crash`;
const afterCrash = (way: string): string => `${way}, after the crash`;

/** What was under way when the server was killed, and an application that came back afterwards. */
interface Crashed extends AsyncDisposable {
  readonly migrated: MigratedServer;
  readonly application: Application;
  readonly leases: ReadonlyMap<string, Lease>;
  /** How many rows each table held when the server was up again. */
  readonly rowsFound: Readonly<Record<string, number>>;
}

/** Kills the server and all its processes, with loads, an invalidation of each kind and a transaction under way. */
async function crash(profile: 'standard' | 'lean'): Promise<Crashed> {
  const migrated = await startMigrated({ synchronous_commit: 'on' }, profile);
  const { server, admin } = migrated;
  const leases = new Map<string, Lease>();
  const before = openApplication(server.url);
  for (const key of ['kept', 'rolled back', ...WAYS.flatMap((way) => [beforeCrash(way), afterCrash(way)])]) {
    leases.set(key, await leaseOf(before.cache, key));
  }
  await before.cache.set('item', 'v', { expirationInSeconds: null, tags: ['item'] });
  for (const [way, invalidate] of Object.entries(INVALIDATIONS)) await invalidate(before, beforeCrash(way));
  // For the control: a log that the crash empties, beside items that it does not.
  await migrate(admin.sql, { table: 'mixed' });
  await admin.run('ALTER TABLE mixed_tag SET UNLOGGED');
  const mixed = openApplication(server.url, { table: 'mixed' });
  await mixed.cache.set('k', 'old', { tags: ['t'] });
  await mixed.cache.invalidateTags(['t']);
  expect(await mixed.cache.get('k')).toBeUndefined();
  await new Promise<void>((isOpen) => {
    before.sql
      .begin(async (tx) => {
        await before.cache.using(tx).removeItem('rolled back');
        await before.cache.using(tx).invalidateTags(['rolled back']);
        isOpen();
        await new Promise(() => {});
      })
      .catch(() => {});
  });
  await server.kill();
  await Promise.all([before[Symbol.asyncDispose](), mixed[Symbol.asyncDispose]()]);
  await server.restart();
  const rowsFound: Record<string, number> = {};
  const after = openApplication(server.url);
  for (const table of TABLES) {
    const [row] = await after.sql.unsafe(`SELECT count(*)::int AS count FROM ${table}`);
    rowsFound[table] = row?.['count'] as number;
  }
  const application = after;
  const close = async (): Promise<void> => {
    await after[Symbol.asyncDispose]();
    await migrated[Symbol.asyncDispose]();
  };
  return { migrated, application, leases, rowsFound, [Symbol.asyncDispose]: close };
}

let crashed: Crashed;

function leaseFrom(key: string): Lease {
  const lease = crashed.leases.get(key);
  if (lease === undefined) throw new Error(`Nobody leased ${key}.`);
  return lease;
}

describe('a crash of the server between a lease and its fill, standard profile', () => {
  beforeAll(async () => {
    crashed = await crash('standard');
  });

  afterAll(async () => {
    await crashed[Symbol.asyncDispose]();
  });

  test('keeps items and the lease, whose fill is stored', async () => {
    const { cache } = crashed.application;
    expect(await cache.get('item')).toBe('v');
    expect(await cache.getOrLease('kept')).toEqual({ state: 'missing' });
    expect(await fillOld(cache, leaseFrom('kept'))).toBe(true);
    expect(await cache.get('kept')).toBe('old');
  });

  test.each(WAYS)('keeps %s: what was loaded before is not served afterwards', async (way) => {
    const { cache } = crashed.application;
    const key = beforeCrash(way);
    expect(await fillOld(cache, leaseFrom(key))).toBe(false);
    expect(await cache.get(key)).toBe(way === 'a newer set' ? 'new' : undefined);
    await cache.cleanupExpired();
    expect(await cache.get(key)).toBe(way === 'a newer set' ? 'new' : undefined);
  });

  test.each(WAYS)('followed by %s ends the load, and kills what was filled', async (way) => {
    const { application } = crashed;
    const key = afterCrash(way);
    await INVALIDATIONS[way]?.(application, key);
    expect(await fillOld(application.cache, leaseFrom(key))).toBe(false);
    expect(await application.cache.get(key)).toBe(way === 'a newer set' ? 'new' : undefined);
  });

  test('leaves no trace of what a transaction had invalidated and not committed', async () => {
    const { cache } = crashed.application;
    expect(await fillOld(cache, leaseFrom('rolled back'))).toBe(true);
    expect(await cache.get('rolled back')).toBe('old');
  });

  test('control: with items logged and the log of tags not, the crash brings a dead value back', async () => {
    await using mixed = openApplication(crashed.migrated.server.url, { table: 'mixed' });
    expect(await mixed.cache.get('k')).toBe('old');
  });
});

describe('a crash of the server between a lease and its fill, lean profile', () => {
  beforeAll(async () => {
    crashed = await crash('lean');
  });

  afterAll(async () => {
    await crashed[Symbol.asyncDispose]();
  });

  test('leaves every table empty, logs included', () => {
    expect(crashed.rowsFound).toEqual(Object.fromEntries(TABLES.map((table) => [table, 0])));
  });

  test.each(['item', 'kept', 'rolled back', ...WAYS.map((way) => beforeCrash(way))])(
    'ends the load of %s: a miss, and its fill is dropped',
    async (key) => {
      const { cache } = crashed.application;
      expect(await cache.get(key)).toBeUndefined();
      if (key !== 'item') expect(await fillOld(cache, leaseFrom(key))).toBe(false);
      expect(await cache.get(key)).toBeUndefined();
    },
  );

  test.each(WAYS)('followed by %s drops the fill too', async (way) => {
    const { application } = crashed;
    const key = afterCrash(way);
    await INVALIDATIONS[way]?.(application, key);
    expect(await fillOld(application.cache, leaseFrom(key))).toBe(false);
    expect(await application.cache.get(key)).toBe(way === 'a newer set' ? 'new' : undefined);
  });

  test('leaves a cache that works: a new lease, its fill, and a tag that kills it', async () => {
    const { cache } = crashed.application;
    expect(await fillOld(cache, await leaseOf(cache, 'again'))).toBe(true);
    expect(await cache.get('again')).toBe('old');
    await cache.invalidateTags(['again']);
    expect(await cache.get('again')).toBeUndefined();
  });
});

describe('a crash that loses commits, because synchronous_commit is off', () => {
  let migrated: MigratedServer;

  beforeAll(async () => {
    // Nothing but the WAL writer writes what such a commit leaves in memory; it is stopped below.
    migrated = await startMigrated({ synchronous_commit: 'on', autovacuum: 'off', bgwriter_delay: 10_000 });
  });

  afterAll(async () => {
    await migrated[Symbol.asyncDispose]();
  });

  test('loses the lease granted in them and reuses their transaction numbers, and no fill or tag is mistaken', async () => {
    const { server, admin } = migrated;
    const durable = openApplication(server.url);
    const lost = openApplication(server.url, { connection: { synchronous_commit: 'off' } });
    const early = await leaseOf(durable.cache, 'early');
    await fillOld(durable.cache, await leaseOf(durable.cache, 'filled'));
    await durable.cache.set('removed', 'v', null);
    const lastKept = BigInt(String(await admin.valueOf('SELECT pg_current_xact_id()')));
    process.kill(
      Number(await admin.valueOf("SELECT pid FROM pg_stat_activity WHERE backend_type = 'walwriter'")),
      'SIGSTOP',
    );
    const late = await leaseOf(lost.cache, 'late');
    expect(await lost.cache.removeItem('removed')).toBe(true);
    for (let round = 0; round < 50; round += 1) await lost.sql`SELECT pg_current_xact_id()`;
    await lost.cache.invalidateTags(['other']);
    await server.kill();
    await Promise.all([durable[Symbol.asyncDispose](), lost[Symbol.asyncDispose]()]);
    await server.restart();

    await using after = openApplication(server.url);
    const { cache } = after;
    expect(await fillOld(cache, late)).toBe(false);
    expect(await cache.get('filled')).toBe('old');
    await cache.invalidateTags(['filled', 'early']);
    const [row] = await after.sql`SELECT max(xid::text::bigint)::text AS xid FROM cache_tag`;
    expect(BigInt(row?.['xid'])).toBeLessThan(lastKept + 50n);
    expect(await cache.get('filled')).toBeUndefined();
    expect(await fillOld(cache, early)).toBe(false);
    expect(await cache.get('early')).toBeUndefined();
    // The limit of such a server: what it acknowledged and lost was never done.
    expect(await cache.get('removed')).toBe('v');
  });
});
