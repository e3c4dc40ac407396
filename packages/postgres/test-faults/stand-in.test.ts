import { DatabaseCache } from '@cache/postgres';
import {
  settle,
  startLateLink,
  startLoad,
  startProgram,
  startProxy,
  type TcpProxy,
  uniqueName,
  waitUntil,
} from '@cache/test-servers';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Sql } from 'postgres';
import { openPool } from './cache-pools.ts';
import { failureOf, outageOf, recovery, SETTLED_LIMIT_MS } from './failures.ts';
import { type MigratedServer, startMigrated } from './migrated-server.ts';

/** A pool of an application's, some of whose connections lead nowhere, and the cache on it. */
let migrated: MigratedServer;

beforeAll(async () => {
  migrated = await startMigrated();
});

afterAll(async () => {
  await migrated[Symbol.asyncDispose]();
});

/** Two seconds are promised; the rest is room for a busy machine. */
const RECOVERY_LIMIT_MS = 10_000;

interface Scene {
  readonly proxy: TcpProxy;
  readonly sql: Sql;
  readonly cache: DatabaseCache;
  /** The statements of the cache that went over the pool. */
  readonly overPool: readonly string[];
  /** How many server processes there are for the application. */
  processes(): Promise<number>;
}

interface SceneOptions {
  readonly user?: string;
  readonly max?: number;
  /** How many connections are open from the start. */
  readonly open?: number;
  /** Where the proxy leads. */
  readonly port?: number;
}

/** An application's pool behind a proxy, with some of its connections open. */
async function scene(
  { user = 'postgres', max = 4, open = max, port = migrated.server.port }: SceneOptions,
  run: (scene: Scene) => Promise<void>,
): Promise<void> {
  await using proxy = await startProxy(port);
  const name = uniqueName('standin');
  const overPool: string[] = [];
  const sql = openPool(`postgres://${user}@127.0.0.1:${proxy.port}/postgres?application_name=${name}`, {
    max,
    debug: (_, text) => {
      if (text.includes('"cache"')) overPool.push(text);
    },
  });
  const deadlines = { readTimeoutMs: 250, writeTimeoutMs: 1_000 };
  const cache = new DatabaseCache(sql, { ...deadlines, namespace: name, hooks: { onError: () => {} } });
  const count = `SELECT count(*) FROM pg_stat_activity WHERE application_name = '${name}'`;
  const processes = async (): Promise<number> => Number(await migrated.admin.valueOf(count));
  try {
    await Promise.all(Array.from({ length: open }, () => sql`SELECT pg_sleep(0.1)`));
    await recovery('The first value', 30_000, () => cache.set('a', 'first'));
    await run({ proxy, sql, cache, overPool, processes });
  } finally {
    await proxy.restore();
    await cache.close();
    await sql.end({ timeout: 0 });
  }
}

/** Waits until calls go over the pool again. */
async function returned({ cache, overPool }: Scene): Promise<void> {
  await waitUntil('A get over the pool', 30_000, async () => {
    const { length } = overPool;
    await cache.get('a');
    return overPool.length > length;
  });
}

test('row 22: half-open connections, as a firewall leaves them, are led around within two seconds, and the pool is used again once they are closed', async () => {
  await scene({}, async (opened) => {
    const { proxy, cache, overPool, processes } = opened;
    proxy.halfOpen();
    await outageOf(cache.get('a'));
    await recovery('A get', RECOVERY_LIMIT_MS, async () => expect(await cache.get('a')).toBe('first'));
    const { length } = overPool;
    await cache.set('a', 'second');
    expect(await cache.get('a')).toBe('second');
    expect(overPool).toHaveLength(length);
    // What the cache made for itself, and at times one that looks.
    expect(await processes()).toBeLessThanOrEqual(3);

    await proxy.restore();
    await returned(opened);
    expect(await cache.get('a')).toBe('second');
    await waitUntil('No more processes than the pool has', 30_000, async () => (await processes()) <= 4);
  });
});

test('row 22: under load calls are answered again, and what the application asks on healthy connections is not disturbed', async () => {
  await scene({ open: 2 }, async (opened) => {
    const { proxy, sql, cache } = opened;
    proxy.halfOpen();
    const lost = [1, 2].map(() => settle(sql`SELECT 1`.execute(), 60_000).catch(() => undefined));
    const healthy = [1, 2].map(() => sql`SELECT 'answered' AS answer FROM pg_sleep(4)`.execute());
    const load = startLoad(6, async () => {
      await cache.get('a');
      await cache.set('b', 1);
    });
    await waitUntil('Calls that succeed', RECOVERY_LIMIT_MS, () => load.succeeded > 20);
    await load.stop();
    expect(load.failures.length).toBeGreaterThan(0);
    expect(load.slowestMs).toBeLessThan(SETTLED_LIMIT_MS);
    expect(await Promise.all(healthy)).toMatchObject([[{ answer: 'answered' }], [{ answer: 'answered' }]]);
    await proxy.restore();
    await Promise.all(lost);
    await returned(opened);
  });
});

test('row 21: a server that was frozen gets no stand-in: the connections of the pool answer', async () => {
  await scene({ max: 2 }, async ({ cache, overPool }) => {
    const { server } = migrated;
    await server.freeze();
    const load = startLoad(3, async () => void (await cache.get('a')));
    await waitUntil('Some failures', 30_000, () => load.failures.length > 30);
    await cache.renewConnections();
    await server.resume();
    const { length } = overPool;
    const { succeeded } = load;
    await waitUntil('Calls that succeed', RECOVERY_LIMIT_MS, () => load.succeeded > succeeded + 200);
    await load.stop();
    // Calls share statements, and every one of those is here.
    expect(overPool.length - length).toBeGreaterThan(200 / 3 - 3);
  });
});

test('row 32: where the server takes no more connections there is no stand-in, and one as soon as there is room', async () => {
  const { admin } = migrated;
  await admin.run(`CREATE ROLE crowded LOGIN; GRANT ALL ON ALL TABLES IN SCHEMA public TO crowded;
    GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO crowded`);
  await scene({ user: 'crowded', max: 1 }, async ({ proxy, cache }) => {
    proxy.halfOpen();
    await admin.run('ALTER ROLE crowded CONNECTION LIMIT 0');
    for (let round = 0; round < 8; round += 1) await outageOf(cache.get('a'));
    expect(await cache.renewConnections()).toBe(true);
    await outageOf(cache.get('a'));
    await admin.run('ALTER ROLE crowded CONNECTION LIMIT -1');
    await recovery('A get', RECOVERY_LIMIT_MS, async () => expect(await cache.get('a')).toBe('first'));
  });
});

test('row 61: an application that ends its pool while there is a stand-in ends by itself', async () => {
  const { server } = migrated;
  await using proxy = await startProxy(server.port);
  await using program = startProgram(new URL('./programs/ends-its-pool.ts', import.meta.url), proxy.urlFor(server.url));
  expect(await program.ask('set')).toBe('done');
  proxy.halfOpen();
  await waitUntil('A get over the stand-in', 30_000, async () => (await program.ask('get')) === 'value');
  expect(await program.ask('end the pool')).toBe('done');
  await waitUntil('The stand-in being ended', 30_000, async () => (await program.ask('get')) === 'ERR_CACHE_OPTION');
  expect(await program.end()).toMatchObject({ code: 0, stderr: '' });
});

describe('a write that was given up', () => {
  test('row 23: in a link of the pool is not carried out after a removal that the stand-in acknowledged', async () => {
    await using link = await startLateLink(migrated.server.port);
    await scene({ max: 1, port: link.port }, async ({ proxy, cache, overPool }) => {
      link.holdRequests();
      const late = failureOf(cache.set('a', 'late'), 'ERR_CACHE_TIMEOUT');
      await waitUntil('The set being held', 30_000, () => link.heldBytes > 0);
      await late;
      // From here on the client hears nothing, not even that its connection ends.
      proxy.halfOpen();
      // One that goes over the pool before there is a stand-in gets no answer.
      let length = 0;
      await recovery('A removal', RECOVERY_LIMIT_MS, () => {
        ({ length } = overPool);
        return cache.removeItem('a');
      });
      expect(overPool).toHaveLength(length);
      await link.deliverHeld();
      expect(await cache.get('a')).toBeUndefined();
    });
  });

  test('row 23: in a link of the stand-in is not carried out after a removal that the pool acknowledged', async () => {
    await using link = await startLateLink(migrated.server.port);
    await scene({ max: 1, port: link.port }, async (opened) => {
      const { proxy, cache, overPool } = opened;
      proxy.halfOpen();
      await outageOf(cache.get('a'));
      await recovery('A set over the stand-in', RECOVERY_LIMIT_MS, () => cache.set('a', 'second'));
      link.holdRequests();
      const late = failureOf(cache.set('a', 'late'), 'ERR_CACHE_TIMEOUT');
      await waitUntil('The set being held', 30_000, () => link.heldBytes > 0);
      await late;
      await proxy.restore();
      await returned(opened);
      const { length } = overPool;
      await recovery('A removal', RECOVERY_LIMIT_MS, () => cache.removeItem('a'));
      expect(overPool.length).toBeGreaterThan(length);
      await link.deliverHeld();
      expect(await cache.get('a')).toBeUndefined();
    });
  });

  test('row 23: control: with a second pool and no more, it comes back', async () => {
    const { server, admin } = migrated;
    await admin.run('CREATE TABLE IF NOT EXISTS naive (key text PRIMARY KEY, value text)');
    await using link = await startLateLink(server.port);
    const sql = openPool(`postgres://postgres@127.0.0.1:${link.port}/postgres`, { max: 1, prepare: false });
    const standIn = openPool(server.url, { max: 1, prepare: false });
    try {
      await sql`SELECT 1`;
      link.holdRequests();
      const late = "INSERT INTO naive VALUES ('a', 'late') ON CONFLICT (key) DO UPDATE SET value = EXCLUDED.value";
      settle(sql.unsafe(late), SETTLED_LIMIT_MS).catch(() => {});
      await waitUntil('The statement being under way', 30_000, () => link.heldBytes > 0);
      await standIn`DELETE FROM naive WHERE key = 'a'`;
      await link.deliverHeld();
      const value = "SELECT value FROM naive WHERE key = 'a'";
      await waitUntil('The late value', 30_000, async () => (await admin.valueOf(value)) === 'late');
    } finally {
      await sql.end({ timeout: 0 });
      await standIn.end({ timeout: 0 });
    }
  });
});
