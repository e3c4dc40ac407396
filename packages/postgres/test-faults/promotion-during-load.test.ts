import type { Lease } from '@cache/core';
import { DatabaseCache } from '@cache/postgres';
import { type Server, startPostgresStandby, startProxy, type TcpProxy, waitUntil } from '@cache/test-servers';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Administrator, administer } from './administrator.ts';
import { openApplication } from './application.ts';
import { type Application, fillOld, INVALIDATIONS, leaseOf } from './invalidations.ts';
import { type MigratedServer, startMigrated } from './migrated-server.ts';

const WAYS = Object.keys(INVALIDATIONS);

/** Keys, none of which is a prefix of another. */
const beforePromotion = (way: string): string => `${way}, before the promotion`;
const afterPromotion = (way: string): string => `${way}, after the promotion`;

let primary: MigratedServer;
let link: TcpProxy;
let standby: Server;
let administrator: Administrator;
let old: Application & AsyncDisposable;
let promoted: Application & AsyncDisposable;

/** A primary with a standby behind a link that can be cut. */
async function startPair(profile: 'standard' | 'lean'): Promise<void> {
  primary = await startMigrated({ synchronous_commit: 'on' }, profile);
  link = await startProxy(primary.server.port);
  standby = await startPostgresStandby({ port: link.port, url: primary.server.url });
  administrator = administer(standby);
  old = openApplication(primary.server.url);
  promoted = openApplication(standby.url);
}

async function closePair(): Promise<void> {
  for (const one of [old, promoted, administrator, standby, link, primary]) await one[Symbol.asyncDispose]();
}

/** Waits until the standby has carried out all that the primary has done. */
async function caughtUp(): Promise<void> {
  const position = await primary.admin.valueOf('SELECT pg_current_wal_flush_lsn()');
  await waitUntil('The standby to catch up', 30_000, async () => {
    return (await administrator.valueOf(`SELECT pg_last_wal_replay_lsn() >= '${String(position)}'`)) === true;
  });
}

/** Nothing reaches the standby any more; then it becomes a primary. The old one goes on by itself. */
async function promote(): Promise<void> {
  expect(await administrator.valueOf('SELECT pg_promote(true, 60)')).toBe(true);
  await waitUntil('A server that takes writes', 30_000, async () => {
    return (await administrator.valueOf('SELECT NOT pg_is_in_recovery()')) === true;
  });
}

describe('a promotion between a lease and its fill, standard profile', () => {
  const leases = new Map<string, Lease>();
  /** A transaction number of the old primary when the link was cut, and at the end. */
  let cutAt: bigint;
  let lostUntil: bigint;

  const leaseFrom = (key: string): Lease => {
    const lease = leases.get(key);
    if (lease === undefined) throw new Error(`Nobody leased ${key}.`);
    return lease;
  };
  const lastTransaction = async (): Promise<bigint> =>
    BigInt(String(await primary.admin.valueOf('SELECT pg_current_xact_id()')));

  beforeAll(async () => {
    await startPair('standard');
    await old.sql`CREATE TABLE source (key text PRIMARY KEY, value text)`;
    await old.sql`INSERT INTO source VALUES ('k', 'old')`;
    const keys = [
      'kept',
      'lost commit',
      'overtaken',
      ...WAYS.flatMap((way) => [beforePromotion(way), afterPromotion(way)]),
    ];
    for (const key of keys) leases.set(key, await leaseOf(old.cache, key));
    for (const [way, invalidate] of Object.entries(INVALIDATIONS)) await invalidate(old, beforePromotion(way));
    expect(await fillOld(old.cache, await leaseOf(old.cache, 'filled'))).toBe(true);
    await caughtUp();
    link.blackhole();
    cutAt = await lastTransaction();
    // What follows is acknowledged by the old primary and lost with it.
    leases.set('lost lease', await leaseOf(old.cache, 'lost lease'));
    await old.sql.begin(async (tx) => {
      await tx`UPDATE source SET value = 'new' WHERE key = 'k'`;
      await old.cache.using(tx).removeItem('lost commit');
    });
    for (let round = 0; round < 200; round += 1) await old.sql`SELECT pg_current_xact_id()`;
    lostUntil = await lastTransaction();
    await promote();
  });

  afterAll(closePair);

  test('keeps the lease, whose fill is stored, and what connect finds is trusted', async () => {
    expect(await fillOld(promoted.cache, leaseFrom('kept'))).toBe(true);
    await using own = await DatabaseCache.connect(standby.url, {
      connectTimeoutMs: 20_000,
      readTimeoutMs: 20_000,
      writeTimeoutMs: 20_000,
    });
    expect(await own.get('kept')).toBe('old');
    expect(await own.get('filled')).toBe('old');
  });

  test.each(WAYS)('keeps %s: what was loaded before is not served afterwards', async (way) => {
    const { cache } = promoted;
    const key = beforePromotion(way);
    expect(await fillOld(cache, leaseFrom(key))).toBe(false);
    expect(await cache.get(key)).toBe(way === 'a newer set' ? 'new' : undefined);
    await cache.cleanupExpired();
    expect(await cache.get(key)).toBe(way === 'a newer set' ? 'new' : undefined);
  });

  test.each(WAYS)('followed by %s ends the load, although its transaction number was used before', async (way) => {
    const key = afterPromotion(way);
    const reused = BigInt((await promoted.sql`SELECT pg_current_xact_id()::text AS xid`)[0]?.['xid']);
    expect(reused).toBeLessThan(lostUntil);
    await INVALIDATIONS[way]?.(promoted, key);
    expect(await fillOld(promoted.cache, leaseFrom(key))).toBe(false);
    expect(await promoted.cache.get(key)).toBe(way === 'a newer set' ? 'new' : undefined);
  });

  test('does not know a lease that the old primary granted after its last word', async () => {
    expect(await fillOld(promoted.cache, leaseFrom('lost lease'))).toBe(false);
    expect(await promoted.cache.get('lost lease')).toBeUndefined();
  });

  test('loses an invalidation only together with the commit that it belongs to', async () => {
    expect(await promoted.sql`SELECT value FROM source`).toEqual([{ value: 'old' }]);
    expect(await fillOld(promoted.cache, leaseFrom('lost commit'))).toBe(true);
    expect(await promoted.cache.get('lost commit')).toBe('old');
  });

  test('gives tags that kill what was filled before, with numbers that the old primary had used', async () => {
    await promoted.cache.invalidateTags(['filled']);
    const [row] = await promoted.sql`SELECT max(xid::text::bigint)::text AS xid FROM cache_tag`;
    expect(BigInt(row?.['xid'])).toBeGreaterThanOrEqual(cutAt);
    expect(BigInt(row?.['xid'])).toBeLessThan(lostUntil);
    expect(await promoted.cache.get('filled')).toBeUndefined();
  });
});

describe('a promotion between a lease and its fill, lean profile', () => {
  beforeAll(() => startPair('lean'));

  afterAll(closePair);

  test('finds empty tables: misses, no fill, and a cache that works', async () => {
    const lease = await leaseOf(old.cache, 'leased');
    await old.cache.set('item', 'v', { expirationInSeconds: null, tags: ['t'] });
    await old.cache.invalidateTags(['u']);
    await caughtUp();
    await expect(promoted.cache.get('item')).rejects.toMatchObject({ code: expect.stringMatching(/^ERR_CACHE_/) });
    await promote();
    for (const table of ['cache', 'cache_removal', 'cache_tag', 'cache_event']) {
      expect(await promoted.sql.unsafe(`SELECT FROM ${table}`)).toHaveLength(0);
    }
    const { cache } = promoted;
    expect(await cache.get('item')).toBeUndefined();
    expect(await fillOld(cache, lease)).toBe(false);
    expect(await fillOld(cache, await leaseOf(cache, 'leased'))).toBe(true);
    await cache.invalidateTags(['leased']);
    expect(await cache.get('leased')).toBeUndefined();
  });
});
