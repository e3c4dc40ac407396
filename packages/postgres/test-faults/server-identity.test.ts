import type { DatabaseCache } from '@cache/postgres';
import { waitUntil } from '@cache/test-servers';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import postgres from 'postgres';
import { CACHE_POOLS, ownPool } from './cache-pools.ts';
import { type MigratedServer, startMigrated } from './migrated-server.ts';

const RECOVERY_LIMIT_MS = 30_000;

let migrated: MigratedServer;

beforeAll(async () => {
  migrated = await startMigrated();
});

afterAll(async () => {
  await migrated[Symbol.asyncDispose]();
});

/** Calls fail for a moment, and a crash is noticed by the server itself a moment later. */
async function namesAnotherThan(identity: string, cache: DatabaseCache): Promise<void> {
  await waitUntil('Another name', RECOVERY_LIMIT_MS, async () => (await cache.serverIdentity()) !== identity);
}

describe.each(CACHE_POOLS)('$pool', ({ open }) => {
  test('names the same server as long as it runs, to every cache', async () => {
    const { server } = migrated;
    await using first = await open(server.url);
    await using second = await open(server.url);
    const identity = await first.cache.serverIdentity();
    await first.cache.set('a', 1);
    await first.cache.clear();
    expect(await second.cache.serverIdentity()).toBe(identity);
    expect(await first.cache.serverIdentity()).toBe(identity);
  });

  test('names another one after a restart', async () => {
    const { server } = migrated;
    await using opened = await open(server.url);
    const { cache } = opened;
    await cache.set('a', 1);
    const identity = await cache.serverIdentity();
    await server.restart();
    await namesAnotherThan(identity, cache);
  });

  test('names another one after a process of the server crashed and all began anew', async () => {
    const { server } = migrated;
    await using opened = await open(server.url);
    const { cache } = opened;
    const identity = await cache.serverIdentity();
    const victim = postgres(server.url, { max: 1, onnotice: () => {} });
    try {
      const [row] = await victim`SELECT pg_backend_pid() AS pid`;
      process.kill(Number(row?.['pid']), 'SIGKILL');
    } finally {
      await victim.end({ timeout: 0 });
    }
    await namesAnotherThan(identity, cache);
  });
});

test('connections of its own are known to be new before anything is answered on them', async () => {
  const { server } = migrated;
  await using opened = await ownPool.open(server.url);
  const { cache } = opened;
  await cache.set('a', 1);
  const epoch = cache.connectionEpoch;
  await server.restart();
  await waitUntil('The server answering', RECOVERY_LIMIT_MS, async () => (await cache.get('a')) === 1);
  expect(cache.connectionEpoch).not.toBe(epoch);
});

test('is told to a role that has no right but to connect', async () => {
  const { server } = migrated;
  const administrator = postgres(server.url, { max: 1, onnotice: () => {} });
  await administrator`CREATE ROLE plain LOGIN`.finally(() => administrator.end());
  await using opened = await ownPool.open(server.url.replace('postgres@', 'plain@'));
  expect(await opened.cache.serverIdentity()).toMatch(/^\d+ \d+ [\d.]+ [\d.]+$/);
});
