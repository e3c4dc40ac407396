import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Lease } from '@cache/core';
import { DatabaseCache, migrate } from '@cache/postgres';
import { getPostgres, type Server, startPostgres, uniqueName, waitUntil } from '@cache/test-servers';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { administer } from './administrator.ts';
import { openApplication } from './application.ts';
import { type Application, fillOld, leaseOf } from './invalidations.ts';
import { type MigratedServer, startMigrated } from './migrated-server.ts';

const run = promisify(execFile);
const PATIENT = { connectTimeoutMs: 20_000, readTimeoutMs: 20_000, writeTimeoutMs: 20_000 };
const TABLES = ['cache', 'cache_removal', 'cache_tag', 'cache_event'];

let source: MigratedServer;
let target: Server;
let programs: string;
let restored: Application & AsyncDisposable;
/** Granted on the server that was dumped. */
let lease: Lease;

beforeAll(async () => {
  programs = await getPostgres(['postgres', 'initdb', 'pg_dump', 'pg_restore']);
  source = await startMigrated();
  target = await startPostgres();
  // The server that is dumped has done much more than the other ever will here, so its snapshots have seen the other's future.
  await source.admin.run('DO $$ BEGIN FOR i IN 1..5000 LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$');
  await using application = openApplication(source.server.url);
  const { cache } = application;
  await cache.set('item', 'old', { expirationInSeconds: null, tags: ['t'] });
  expect(await fillOld(cache, await leaseOf(cache, 'filled'))).toBe(true);
  lease = await leaseOf(cache, 'leased');
  await cache.invalidateTags(['another']);
  await application.sql.begin((tx) => cache.using(tx).removeItem('nobody'));
  await application.sql`CREATE TABLE source (key text PRIMARY KEY, value text)`;
  await application.sql`INSERT INTO source VALUES ('k', 'v')`;
});

afterAll(async () => {
  await restored?.[Symbol.asyncDispose]();
  await source[Symbol.asyncDispose]();
  await target.close();
});

/** Dumps the source's database, restores it into a new database of the other server, and gives that one's URL. */
async function restore(...flags: string[]): Promise<string> {
  await restored?.[Symbol.asyncDispose]();
  const database = uniqueName('restored');
  const file = join(source.server.folder, `${database}.dump`);
  await run(join(programs, 'pg_dump'), ['-Fc', ...flags, '-f', file, source.server.url]);
  const url = new URL(target.url);
  url.pathname = database;
  await using owner = administer(target);
  await owner.run(`CREATE DATABASE ${database}`);
  await run(join(programs, 'pg_restore'), ['--exit-on-error', '-d', url.href, file]);
  restored = openApplication(url.href);
  return url.href;
}

/** How many rows the tables hold. */
async function rowsFound(): Promise<number> {
  let count = 0;
  for (const table of TABLES) count += (await restored.sql.unsafe(`SELECT FROM ${table}`)).length;
  return count;
}

/** Neither the items nor the lease of the dump are known, and what is stored from now on obeys invalidations. */
async function expectFreshStart(): Promise<void> {
  const { cache, sql } = restored;
  expect(await sql`SELECT * FROM source`).toEqual([{ key: 'k', value: 'v' }]);
  expect(await cache.mget(['item', 'filled'])).toEqual([undefined, undefined]);
  expect(await fillOld(cache, lease)).toBe(false);
  expect(await fillOld(cache, await leaseOf(cache, 'k'))).toBe(true);
  expect(await cache.get('k')).toBe('old');
  await cache.invalidateTags(['k']);
  expect(await cache.get('k')).toBeUndefined();
}

describe('a dump restored into another server', () => {
  test('is emptied by migrate', async () => {
    await restore();
    expect(await rowsFound()).toBeGreaterThan(3);
    await migrate(restored.sql);
    expect(await rowsFound()).toBe(0);
    await expectFreshStart();
  });

  test('is emptied by connect', async () => {
    const url = await restore();
    await using own = await DatabaseCache.connect(url, PATIENT);
    expect(await own.get('item')).toBeUndefined();
    expect(await rowsFound()).toBe(0);
    await expectFreshStart();
  });

  test('is emptied as soon as the server is up, if connect was called before', async () => {
    const url = await restore();
    await target.stop();
    await using own = await DatabaseCache.connect(url, {
      ...PATIENT,
      connectTimeoutMs: 300,
      hooks: { onError: () => {} },
    });
    await target.restart();
    await waitUntil('The tables to be emptied', 30_000, async () => (await rowsFound()) === 0);
    await expectFreshStart();
    expect(await own.ping()).toBeGreaterThan(0);
  });

  test('is emptied once: what is stored afterwards is kept by the next migrate and connect', async () => {
    const url = await restore();
    await migrate(restored.sql);
    await restored.cache.set('item', 'here', null);
    await migrate(restored.sql);
    await using own = await DatabaseCache.connect(url, PATIENT);
    expect(await own.get('item')).toBe('here');
  });

  test('without its data, as the guide advises, starts empty', async () => {
    await restore('--exclude-table-data', 'cache*');
    expect(await rowsFound()).toBe(0);
    await migrate(restored.sql);
    await expectFreshStart();
  });

  test('control: used as it is, it serves what is invalidated here, and stores what was loaded there', async () => {
    await restore();
    const { cache } = restored;
    await cache.invalidateTags(['t', 'leased']);
    expect(await cache.get('item')).toBe('old');
    expect(await fillOld(cache, lease)).toBe(true);
    expect(await cache.get('leased')).toBe('old');
  });
});
