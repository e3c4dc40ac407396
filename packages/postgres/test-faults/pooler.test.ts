import { DatabaseCache } from '@cache/postgres';
import { startPgBouncer, startProgram, startProxy, waitUntil } from '@cache/test-servers';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { openPool } from './cache-pools.ts';
import { EVERY_CALL } from './every-call.ts';
import { outageOf, recovery } from './failures.ts';
import { type MigratedServer, startMigrated } from './migrated-server.ts';

let migrated: MigratedServer;

beforeAll(async () => {
  migrated = await startMigrated();
});

afterAll(async () => {
  await migrated[Symbol.asyncDispose]();
});

const PATIENT = { readTimeoutMs: 20_000, writeTimeoutMs: 20_000 };

test.each([
  ['DatabaseCache.connect', 1],
  ['DatabaseCache.connect', 128],
  ['a caller’s pool', 1],
  ['a caller’s pool', 128],
])(
  'row 33: behind PgBouncer in transaction mode %s answers 200 of 200 concurrent calls right, %i keys a statement',
  async (kind, maxBatchSize) => {
    const { server } = migrated;
    await using bouncer = await startPgBouncer(server, { settings: { default_pool_size: 2 } });
    const options = { ...PATIENT, maxBatchSize, namespace: `pooled-${maxBatchSize}` };
    const sql = openPool(bouncer.url, { max: 20, prepare: false });
    const cache =
      kind === 'a caller’s pool'
        ? new DatabaseCache(sql, options)
        : await DatabaseCache.connect(bouncer.url, { ...options, prepare: false, maxConnections: 20 });
    try {
      const keys = Array.from({ length: 200 }, (_, index) => `k${index}`);
      await Promise.all(keys.map((key) => cache.set(key, { key })));
      const values = await Promise.all(keys.map((key) => cache.get(key)));
      expect(values).toEqual(keys.map((key) => ({ key })));
      const sums = await Promise.all(keys.map(() => cache.increment(`n${maxBatchSize}${kind}`)));
      expect(sums.sort((a, b) => a - b)).toEqual(keys.map((_, index) => index + 1));
      const leases = await Promise.all(keys.map((key) => cache.getOrLease(`lease ${key}`)));
      const fills = leases.map((entry) =>
        'lease' in entry && entry.lease ? cache.fill(entry.lease, entry.lease.key) : false,
      );
      expect(await Promise.all(fills)).toEqual(keys.map(() => true));
      for (const { operation, run } of EVERY_CALL) {
        await run(cache).catch((error: unknown) => {
          throw new Error(operation, { cause: error });
        });
      }
    } finally {
      await cache.close();
      await sql.end({ timeout: 1 });
    }
  },
);

test.each(['DatabaseCache.connect', 'a caller’s pool'])(
  'row 33: behind PgBouncer writes with %s go on after one of them timed out',
  async (kind) => {
    const { server } = migrated;
    await using bouncer = await startPgBouncer(server);
    const quiet = { hooks: { onError: () => {} } };
    const sql = openPool(bouncer.url, { prepare: false });
    const cache =
      kind === 'a caller’s pool'
        ? new DatabaseCache(sql, quiet)
        : await DatabaseCache.connect(bouncer.url, { prepare: false, ...quiet });
    try {
      // The number that PgBouncer gives for a process is any number of 32 bits.
      for (let round = 0; round < 4; round += 1) {
        await recovery('A set', 30_000, () => cache.set('a', round));
        await server.freeze();
        await outageOf(cache.set('a', 'late'));
        await server.resume();
        await recovery('A set once the server runs on', 30_000, () => cache.set('a', round));
        await recovery('A get once the server runs on', 30_000, async () => expect(await cache.get('a')).toBe(round));
      }
    } finally {
      await cache.close();
      await sql.end({ timeout: 1 });
    }
  },
);

test('row 33: what is dead behind PgBouncer cannot be seen, and a cache says so', async () => {
  const { server } = migrated;
  await using bouncer = await startPgBouncer(server);
  await using proxy = await startProxy(bouncer.port);
  const sql = openPool(proxy.urlFor(bouncer.url), { max: 1, prepare: false });
  const cache = new DatabaseCache(sql, { hooks: { onError: () => {} } });
  try {
    await cache.set('a', 1);
    proxy.halfOpen();
    await outageOf(cache.get('a'));
    expect(await cache.renewConnections()).toBe(false);
    await outageOf(cache.get('a'));
    await proxy.restore();
    await recovery('A get', 30_000, async () => expect(await cache.get('a')).toBe(1));
  } finally {
    await cache.close();
    await sql.end({ timeout: 1 });
  }
});

test('row 33: a bus behind PgBouncer says once that it needs a direct connection, and loses nothing', async () => {
  const { server } = migrated;
  await using bouncer = await startPgBouncer(server, { settings: { default_pool_size: 4 } });
  await using program = startProgram(new URL('./programs/pooled-bus.ts', import.meta.url), bouncer.url, server.url);
  expect(await program.ask('publish and hear')).toBe('heard');
  await waitUntil('The bus having met several processes', 90_000, async () => Number(await program.ask('gaps')) > 12);
  const { code, stderr } = await program.end();
  expect(code).toBe(0);
  expect(stderr.match(/ERR_CACHE_OPTION\] Warning: The bus gets another server process/g)).toHaveLength(1);
});
