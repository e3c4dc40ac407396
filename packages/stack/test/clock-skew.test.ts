import type { CacheEntry, CacheItem, Lease } from '@cache/core';
import { migrate } from '@cache/postgres';
import { databaseUrl, redisUrl, startProgram, uniqueName, waitUntil } from '@cache/test-servers';
import { describe, expect, test } from '@jest/globals';
import postgres from 'postgres';
import { type Call, openLevel } from './clock-skew/open-level.ts';

const LIMIT_MS = 20_000;
const HOUR_MS = 3_600_000;

/** A place of one's own on a server, for as long as `use` takes. */
type Place = (use: (url: string, name: string) => Promise<void>) => Promise<void>;

const redis: Place = (use) => use(redisUrl(), uniqueName('skew'));

const database: Place = async (use) => {
  const sql = postgres(databaseUrl(), { max: 1, onnotice: () => {} });
  const schema = uniqueName('skew');
  try {
    await sql.unsafe(`CREATE SCHEMA ${schema}`);
    await migrate(sql, { schema });
    await use(databaseUrl(), schema);
  } finally {
    await sql.unsafe(`DROP SCHEMA IF EXISTS ${schema} CASCADE`);
    await sql.end({ timeout: 1 });
  }
};

/** Two processes with one cache, of which one has the right time. */
interface Pair {
  readonly right: Call;
  readonly wrong: Call;
}

async function withPair(
  place: Place,
  server: string,
  offsetMs: number,
  use: (pair: Pair) => Promise<void>,
): Promise<void> {
  await place(async (url, name) => {
    const level = await openLevel(server, url, name);
    const program = new URL('./clock-skew/shifted-process.ts', import.meta.url);
    await using shifted = startProgram(program, server, url, name, `${offsetMs}`);
    const wrong: Call = (method, ...args) => shifted.ask(JSON.stringify([method, ...args]));
    try {
      for (const now of (await wrong('now')) as number[]) {
        expect(Math.abs(now - Date.now() - offsetMs)).toBeLessThan(HOUR_MS / 2);
      }
      await use({ right: level.call, wrong });
      expect(await shifted.end()).toEqual({ code: 0, signal: null, stderr: '' });
    } finally {
      await level.close();
    }
  });
}

/** The right to load the key, where nobody has it. */
async function leaseOf(call: Call, key: string, leaseInSeconds = 60): Promise<Lease | undefined> {
  const entry = (await call('getOrLease', key, { leaseInSeconds })) as CacheEntry<unknown>;
  return 'lease' in entry ? entry.lease : undefined;
}

async function stateOf(call: Call, key: string): Promise<string | undefined> {
  const [entry] = (await call('getEntries', [key])) as CacheEntry<unknown>[];
  return entry?.state;
}

async function expectLifetime(call: Call, key: string): Promise<void> {
  expect(await call('get', key)).toBe(1);
  const remaining = (await call('getTtl', key)) as number;
  expect(remaining).toBeGreaterThan(0);
  // PostgreSQL keeps whole seconds, rounded up.
  expect(remaining).toBeLessThanOrEqual(61);
}

/** Lifetimes, stale copies, leases and tags of what one process stores and the other reads. */
async function expectServerTime(writer: Call, reader: Call): Promise<void> {
  await writer('set', 'set', 1, 60);
  await writer('mset', [['mset', 1]], 60);
  await writer('setWithNx', 'set once', 1, 60);
  await writer('increment', 'counted', 1, { expirationInSeconds: 60 });
  await writer('fill', await leaseOf(writer, 'filled'), 1, { expirationInSeconds: 60, staleInSeconds: 60 });
  await Promise.all([writer('cleanupExpired'), reader('cleanupExpired')]);
  for (const key of ['set', 'mset', 'set once', 'counted', 'filled']) {
    await expectLifetime(writer, key);
    await expectLifetime(reader, key);
  }
  const item = (await reader('inspect', 'set')) as CacheItem;
  expect(Math.abs((item.expiresAt ?? 0) * 1_000 - Date.now())).toBeLessThan(HOUR_MS / 2);

  await writer('set', 'short', 1, 0.2);
  await waitUntil('Its end', LIMIT_MS, async () => (await reader('get', 'short')) === null);
  expect(await writer('get', 'short')).toBeNull();

  await writer('fill', await leaseOf(writer, 'stale'), 1, { expirationInSeconds: 0.2, staleInSeconds: 60 });
  await waitUntil('Its being stale', LIMIT_MS, async () => (await stateOf(reader, 'stale')) === 'stale');
  expect(await stateOf(writer, 'stale')).toBe('stale');

  const held = await leaseOf(writer, 'held');
  expect(await leaseOf(reader, 'held')).toBeUndefined();
  expect(await writer('fill', held, 1)).toBe(true);
  const short = await leaseOf(writer, 'left', 0.2);
  await waitUntil('The lease running out', LIMIT_MS, async () => (await leaseOf(reader, 'left')) !== undefined);
  expect(await writer('fill', short, 1)).toBe(false);

  await writer('set', 'before', 1, { tags: ['t'] });
  await writer('invalidateTags', ['t']);
  await reader('set', 'after', 1, { tags: ['t'] });
  for (const call of [writer, reader]) {
    expect([await call('get', 'before'), await call('get', 'after')]).toEqual([null, 1]);
  }
  await reader('invalidateTags', ['t']);
  expect(await writer('get', 'after')).toBeNull();
}

describe.each([
  ['Redis', 'redis', redis],
  ['PostgreSQL', 'postgres', database],
] as const)('row 60: %s and a process whose clock is', (_, server, place) => {
  describe.each([
    ['six hours ahead', 6 * HOUR_MS],
    ['six hours behind', -6 * HOUR_MS],
  ])('%s', (_offset, offsetMs) => {
    test('what it stores and what it reads lives, goes stale, is leased and ends by the server’s clock', async () => {
      await withPair(place, server, offsetMs, async ({ right, wrong }) => {
        await expectServerTime(wrong, right);
        await right('clear');
        await expectServerTime(right, wrong);
      });
    }, 60_000);
  });
});
