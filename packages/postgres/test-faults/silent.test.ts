import { settle, startLateLink, startLoad, startProxy, waitUntil } from '@cache/test-servers';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { CACHE_POOLS, openPool, ownPool } from './cache-pools.ts';
import { EVERY_CALL } from './every-call.ts';
import { failureOf, outageOf, recovery, SETTLED_LIMIT_MS } from './failures.ts';
import { type MigratedServer, startMigrated } from './migrated-server.ts';

let migrated: MigratedServer;

beforeAll(async () => {
  migrated = await startMigrated();
});

afterAll(async () => {
  await migrated[Symbol.asyncDispose]();
});

test.each(CACHE_POOLS)(
  'row 22: with $pool, renewConnections leads around connections whose other end is gone',
  async ({ open }) => {
    const { server } = migrated;
    await using proxy = await startProxy(server.port);
    await using opened = await open(proxy.urlFor(server.url));
    const { cache } = opened;
    await cache.set('a', 1);
    proxy.halfOpen();
    await outageOf(cache.get('a'));
    expect(await cache.renewConnections()).toBe(true);
    expect(await cache.get('a')).toBe(1);
  },
);

describe.each(CACHE_POOLS)('$pool', ({ open, recoveryLimitMs }) => {
  test('row 21: a frozen server makes every call reject within its deadline, and writes say that they may have happened', async () => {
    const { server } = migrated;
    await using opened = await open(server.url);
    const { cache } = opened;
    await Promise.all(EVERY_CALL.map(({ run }) => run(cache)));
    await server.freeze();
    await Promise.all(
      EVERY_CALL.map(async ({ operation, kind, run }) => {
        const { ambiguous } = await failureOf(run(cache), 'ERR_CACHE_TIMEOUT');
        expect({ operation, ambiguous }).toEqual({ operation, ambiguous: kind === 'write' });
      }),
    );
    await server.resume();
    await recovery('A get once the server runs on', recoveryLimitMs, () => cache.get('a'));
    await recovery('A set once the server runs on', recoveryLimitMs, () => cache.set('a', 1));
  });

  test('row 21: seconds of load on a frozen server, and it answers again as soon as it runs on', async () => {
    const { server } = migrated;
    await using opened = await open(server.url, { readTimeoutMs: 250 });
    const { cache } = opened;
    await cache.set('a', 'before');
    await server.freeze();
    let wrong = 0;
    const load = startLoad(10, async () => {
      if ((await cache.get('a')) !== 'before') wrong += 1;
    });
    await waitUntil('Ten rounds of failures', 30_000, () => load.failures.length >= 100);
    await server.resume();
    const { succeeded } = load;
    await waitUntil('A get once the server runs on', recoveryLimitMs, () => load.succeeded > succeeded);
    await load.stop();
    expect(wrong).toBe(0);
    expect(load.slowestMs).toBeLessThan(SETTLED_LIMIT_MS);
    expect(load.failures.filter(({ ambiguous }) => ambiguous)).toEqual([]);
  });

  test('row 21: calls that wait for one another on one key still reject within their own deadline', async () => {
    const { server } = migrated;
    await using opened = await open(server.url);
    const { cache } = opened;
    await cache.set('a', 'before', { tags: ['t'] });
    await server.freeze();
    const waiting = Array.from({ length: 20 }, (_, index) => [cache.set('a', index), cache.increment('a')]).flat();
    const last = [cache.removeItem('a'), cache.get('a'), cache.getEntries(['a']), cache.mget(['a', 'b'])];
    await Promise.all([...waiting, ...last].map((call) => outageOf(call)));
    await server.resume();
    await recovery('A get once the server runs on', recoveryLimitMs, () => cache.get('a'));
  });

  test('row 21: at most maxPending calls ever wait on a frozen server; the others reject at once and never happen', async () => {
    const maxPending = 50;
    const { server, admin } = migrated;
    await using opened = await open(server.url, { maxPending, namespace: 'pending' });
    const { cache } = opened;
    await admin.run("DELETE FROM cache WHERE namespace = 'pending'");
    await cache.set('warm', 1);
    await server.freeze();
    const mayHaveHappened = new Set<string>();
    for (let wave = 0; wave < 4; wave++) {
      const order: string[] = [];
      await Promise.all(
        Array.from({ length: 200 }, async (_, index) => {
          const key = `${wave}-${index}`;
          const { code, ambiguous } = await outageOf(cache.set(key, index));
          order.push(code);
          if (ambiguous) mayHaveHappened.add(key);
        }),
      );
      const firstTimeout = order.indexOf('ERR_CACHE_TIMEOUT');
      const atOnce = firstTimeout === -1 ? order.length : firstTimeout;
      expect(order.slice(0, atOnce).every((code) => code === 'ERR_CACHE_UNAVAILABLE')).toBe(true);
      expect(atOnce).toBeGreaterThanOrEqual(200 - maxPending);
    }
    await server.resume();
    await recovery('A set once the server runs on', recoveryLimitMs, () => cache.set('warm', 2));
    const rows = await admin.run("SELECT plain_key FROM cache WHERE namespace = 'pending' AND plain_key LIKE '%-%'");
    expect(rows.filter(({ plain_key }) => !mayHaveHappened.has(String(plain_key)))).toEqual([]);
  });

  test('row 22: a network that swallows everything makes every call reject within its deadline', async () => {
    const { server } = migrated;
    await using proxy = await startProxy(server.port);
    await using opened = await open(proxy.urlFor(server.url));
    const { cache } = opened;
    await cache.set('a', 'before');
    proxy.blackhole();
    await Promise.all(EVERY_CALL.map(({ run }) => outageOf(run(cache))));
    const load = startLoad(10, async () => void (await cache.get('a')));
    await waitUntil('Five rounds of failures', 30_000, () => load.failures.length >= 50);
    await proxy.restore();
    const { succeeded } = load;
    await waitUntil('A get once the network is back', recoveryLimitMs, () => load.succeeded > succeeded);
    await load.stop();
    await recovery('A set once the network is back', recoveryLimitMs, () => cache.set('a', 1));
    expect(load.slowestMs).toBeLessThan(SETTLED_LIMIT_MS);
  });

  test('row 23: replies that come after the deadline are dropped, and no other call ever gets them', async () => {
    const { server } = migrated;
    await using proxy = await startProxy(server.port);
    await using opened = await open(proxy.urlFor(server.url), { maxBatchSize: 1, readTimeoutMs: 250 });
    const { cache } = opened;
    const keys = Array.from({ length: 60 }, (_, index) => `k${index}`);
    await recovery('The items', 30_000, () => cache.mset(keys.map((key) => [key, key])));

    proxy.latency(400);
    await Promise.all(keys.slice(0, 30).map((key) => failureOf(cache.get(key), 'ERR_CACHE_TIMEOUT')));
    proxy.latency(0);
    const answers = await Promise.all(keys.slice(30).map((key) => settle(cache.get(key), SETTLED_LIMIT_MS)));
    const wrong = answers.filter((answer, index) => answer.state === 'fulfilled' && answer.value !== keys[30 + index]);
    expect(wrong).toEqual([]);
    await recovery('Every get over the fast network', recoveryLimitMs, async () => {
      expect(await cache.mget(keys)).toEqual(keys);
    });
  });

  test('row 23: around the deadline some calls succeed and some do not, and none gets another one’s answer', async () => {
    const { server } = migrated;
    await using proxy = await startProxy(server.port);
    await using opened = await open(proxy.urlFor(server.url), { readTimeoutMs: 60, writeTimeoutMs: 5_000 });
    const { cache } = opened;
    const keys = Array.from({ length: 20 }, (_, index) => `k${index}`);
    await cache.mset(keys.map((key) => [key, key]));
    let wrong = 0;
    let next = 0;
    const load = startLoad(20, async () => {
      next += 1;
      const key = keys[next % keys.length] ?? '';
      proxy.latency((next * 7) % 100);
      if ((await cache.get(key)) !== key) wrong += 1;
    });
    await waitUntil('Both kinds of outcome', 30_000, () => load.succeeded >= 100 && load.failures.length >= 100);
    await load.stop();
    expect(wrong).toBe(0);
  });
});

describe(ownPool.pool, () => {
  test('row 21: a freeze longer than the pool’s own patience ends as any other, and leaves no connection behind', async () => {
    const { server, admin } = migrated;
    await using opened = await ownPool.open(`${server.url}?application_name=frozen`);
    const { cache } = opened;
    await cache.set('a', 'before');
    await server.freeze();
    const load = startLoad(4, async () => void (await cache.get('a')));
    const frozenAt = performance.now();
    await waitUntil('Five seconds', 30_000, () => performance.now() - frozenAt > 5_000);
    await server.resume();
    const { succeeded } = load;
    await waitUntil('A get once the server runs on', ownPool.recoveryLimitMs, () => load.succeeded > succeeded);
    await load.stop();
    expect(load.slowestMs).toBeLessThan(SETTLED_LIMIT_MS);
    const ofPool = `SELECT count(*)::int FROM pg_stat_activity WHERE application_name = 'frozen'`;
    await waitUntil(
      'No more connections than the pool has',
      30_000,
      async () => Number(await admin.valueOf(ofPool)) <= 2,
    );
  });

  test('row 22: half-open connections, as a firewall leaves them, are replaced', async () => {
    const { server } = migrated;
    await using proxy = await startProxy(server.port);
    await using opened = await ownPool.open(proxy.urlFor(server.url));
    const { cache } = opened;
    const load = startLoad(10, async () => {
      await cache.get('a');
      await cache.set('b', 1);
    });
    await waitUntil('Ten rounds', 30_000, () => load.succeeded >= 10);
    proxy.halfOpen();
    await waitUntil('A failure', 30_000, () => load.failures.length > 0);
    const { succeeded } = load;
    await waitUntil('Calls over new connections', 30_000, () => load.succeeded > succeeded + 10);
    await load.stop();
    expect(load.slowestMs).toBeLessThan(SETTLED_LIMIT_MS);
  });

  test('row 23: a set that timed out on a slow link does not come back after a later, acknowledged removal', async () => {
    const { server } = migrated;
    await using link = await startLateLink(server.port);
    await using opened = await ownPool.open(`postgres://postgres@127.0.0.1:${link.port}/postgres`);
    const { cache } = opened;
    await cache.set('a', 'first');

    link.holdRequests();
    const { ambiguous } = await failureOf(cache.set('a', 'late'), 'ERR_CACHE_TIMEOUT');
    expect(ambiguous).toBe(true);
    link.dropClients();
    await recovery('A removal over a new connection', ownPool.recoveryLimitMs, () => cache.removeItem('a'));
    await link.deliverHeld();
    expect(await cache.get('a')).toBeUndefined();
  });

  test('row 23: control: with postgres.js alone such a statement does come back', async () => {
    const { server, admin } = migrated;
    await admin.run('CREATE TABLE IF NOT EXISTS naive (key text PRIMARY KEY, value text)');
    await using link = await startLateLink(server.port);
    const sql = openPool(`postgres://postgres@127.0.0.1:${link.port}/postgres`, { max: 1, prepare: false });
    try {
      await sql`SELECT 1`;
      link.holdRequests();
      const late = settle(
        sql.unsafe("INSERT INTO naive VALUES ('a', 'late') ON CONFLICT (key) DO UPDATE SET value = EXCLUDED.value"),
        SETTLED_LIMIT_MS,
      );
      await waitUntil('The statement being under way', 30_000, () => link.heldBytes > 0);
      link.dropClients();
      expect(await late).toMatchObject({ state: 'rejected' });
      await admin.run("DELETE FROM naive WHERE key = 'a'");
      await link.deliverHeld();
      await waitUntil(
        'The late value',
        30_000,
        async () => (await admin.valueOf('SELECT value FROM naive')) === 'late',
      );
    } finally {
      await sql.end({ timeout: 0 });
    }
  });
});
