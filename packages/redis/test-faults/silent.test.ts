import { RedisCache } from '@cache/redis';
import { settle, startLateLink, startLoad, startProxy, startRedis, waitUntil } from '@cache/test-servers';
import { describe, expect, test } from '@jest/globals';
import { createClient } from 'redis';
import { administer } from './administrator.ts';
import { CACHE_CLIENTS, callersClient, ownClient, PREFIX } from './cache-clients.ts';
import { EVERY_CALL } from './every-call.ts';
import { DEADLINES, failureOf, outageOf, recovery, SETTLED_LIMIT_MS } from './failures.ts';

describe.each(CACHE_CLIENTS)('$client', ({ open, recoveryLimitMs }) => {
  test('row 21: a frozen server makes every call reject within its deadline, and writes say that they may have happened', async () => {
    await using server = await startRedis();
    // One each: a write that waits for another one's turn on its key was never sent, and says so.
    const opened = await Promise.all(EVERY_CALL.map(async (call) => ({ ...call, ...(await open(server.url)) })));
    try {
      const [first] = opened;
      await first?.cache.set('a', 'before');
      await server.freeze();
      await Promise.all(
        opened.map(async ({ operation, kind, run, cache }) => {
          const { ambiguous } = await failureOf(run(cache), 'ERR_CACHE_TIMEOUT');
          expect({ operation, ambiguous }).toEqual({ operation, ambiguous: kind === 'write' });
        }),
      );
      await server.resume();
      await Promise.all(
        opened.map(({ cache }) => recovery('A get once the server runs on', recoveryLimitMs, () => cache.get('a'))),
      );
    } finally {
      await server.resume();
      await Promise.all(opened.map((one) => one[Symbol.asyncDispose]()));
    }
  });

  test('row 21: seconds of load on a frozen server, and it answers again as soon as it runs on', async () => {
    await using server = await startRedis();
    await using opened = await open(server.url, { readTimeoutMs: 250 });
    const { cache } = opened;
    await server.freeze();
    const load = startLoad(10, async () => void (await cache.get('a')));
    await waitUntil('Ten rounds of failures', 30_000, () => load.failures.length >= 100);
    await server.resume();
    const { succeeded } = load;
    await waitUntil('A get once the server runs on', recoveryLimitMs, () => load.succeeded > succeeded);
    await load.stop();
    expect(load.slowestMs).toBeLessThan(SETTLED_LIMIT_MS);
    expect(load.failures.filter(({ ambiguous }) => ambiguous)).toEqual([]);
  });

  test('row 21: calls that wait for one another on one key still reject within their own deadline', async () => {
    await using server = await startRedis();
    await using opened = await open(server.url);
    const { cache } = opened;
    await cache.set('a', 'before', { tags: ['t'] });
    await server.freeze();
    const waiting = Array.from({ length: 20 }, (_, index) => cache.set('a', index, { tags: ['t'] }));
    await Promise.all([...waiting, cache.removeItem('a'), cache.get('a')].map((call) => outageOf(call)));
    await server.resume();
    await recovery('A get once the server runs on', recoveryLimitMs, () => cache.get('a'));
  });

  test('row 21: at most maxPending calls ever wait on a frozen server; the others reject at once and never happen', async () => {
    const maxPending = 50;
    await using server = await startRedis();
    await using opened = await open(server.url, { maxPending });
    const { cache } = opened;
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
          if (ambiguous) mayHaveHappened.add(PREFIX + key);
        }),
      );
      const firstTimeout = order.indexOf('ERR_CACHE_TIMEOUT');
      const atOnce = firstTimeout === -1 ? order.length : firstTimeout;
      expect(order.slice(0, atOnce).every((code) => code === 'ERR_CACHE_UNAVAILABLE')).toBe(true);
      expect(atOnce).toBeGreaterThanOrEqual(200 - maxPending);
    }
    await server.resume();
    await recovery('A set once the server runs on', recoveryLimitMs, () => cache.set('warm', 2));
    await using admin = await administer(server);
    const happened = ((await admin.send('KEYS', `${PREFIX}*-*`)) as string[]).map(String);
    expect(happened.length).toBeLessThanOrEqual(maxPending);
    expect(happened.filter((key) => !mayHaveHappened.has(key))).toEqual([]);
  });

  test('row 22: a network that swallows everything makes every call reject within its deadline', async () => {
    await using server = await startRedis();
    await using proxy = await startProxy(server.port);
    await using opened = await open(proxy.urlFor(server.url));
    const { cache } = opened;
    proxy.blackhole();
    const load = startLoad(10, async () => void (await cache.get('a')));
    await waitUntil('Five rounds of failures', 30_000, () => load.failures.length >= 50);
    await proxy.restore();
    const { succeeded } = load;
    await waitUntil('A get once the network is back', recoveryLimitMs, () => load.succeeded > succeeded);
    await load.stop();
    expect(load.slowestMs).toBeLessThan(SETTLED_LIMIT_MS);
  });

  test('row 23: replies that come after the deadline are dropped, and no other call ever gets them', async () => {
    await using server = await startRedis();
    await using proxy = await startProxy(server.port);
    await using opened = await open(proxy.urlFor(server.url), { readTimeoutMs: 250 });
    const { cache } = opened;
    const keys = Array.from({ length: 200 }, (_, index) => `k${index}`);
    await cache.mset(keys.map((key) => [key, key]));

    proxy.latency(300);
    await Promise.all(keys.slice(0, 100).map((key) => failureOf(cache.get(key), 'ERR_CACHE_TIMEOUT')));
    proxy.latency(0);
    const answers = await Promise.all(keys.slice(100).map((key) => settle(cache.get(key), SETTLED_LIMIT_MS)));
    const wrong = answers.filter((answer, index) => answer.state === 'fulfilled' && answer.value !== keys[100 + index]);
    expect(wrong).toEqual([]);
    let found: readonly unknown[] = [];
    await recovery('A read over the fast network', recoveryLimitMs, async () => {
      found = await cache.mget(keys);
    });
    expect(found).toEqual(keys);
  });

  test('row 23: around the deadline some calls succeed and some do not, and none gets another one’s answer', async () => {
    await using server = await startRedis();
    await using proxy = await startProxy(server.port);
    await using opened = await open(proxy.urlFor(server.url), { readTimeoutMs: 30 });
    const { cache } = opened;
    const keys = Array.from({ length: 20 }, (_, index) => `k${index}`);
    await cache.mset(keys.map((key) => [key, key]));
    let wrong = 0;
    let next = 0;
    const load = startLoad(20, async () => {
      next += 1;
      const key = keys[next % keys.length] ?? '';
      proxy.latency((next * 7) % 50);
      if ((await cache.get(key)) !== key) wrong += 1;
    });
    await waitUntil('Both kinds of outcome', 30_000, () => load.succeeded >= 200 && load.failures.length >= 200);
    await load.stop();
    expect(wrong).toBe(0);
  });
});

test('row 22: a caller’s client with pingInterval and socketTimeout replaces such a connection once calls pause', async () => {
  await using server = await startRedis();
  await using proxy = await startProxy(server.port);
  const client = createClient({
    url: proxy.urlFor(server.url),
    pingInterval: 1_000,
    socket: { socketTimeout: 3_000, reconnectStrategy: 100 },
  });
  const cache = new RedisCache(client, { prefix: PREFIX, ...DEADLINES });
  try {
    await client.connect();
    await cache.set('a', 1);
    proxy.halfOpen();
    await outageOf(cache.get('a'));
    await waitUntil('Another connection', 30_000, () => proxy.accepted > 1);
    await recovery('A get over it', callersClient.recoveryLimitMs, () => cache.get('a'));
  } finally {
    await cache.close();
    client.destroy();
  }
});

test.each(CACHE_CLIENTS)(
  'row 22: $client: renewConnections finds such a connection dead and does without it, at once',
  async ({ open }) => {
    await using server = await startRedis();
    await using proxy = await startProxy(server.port);
    await using opened = await open(proxy.urlFor(server.url));
    const { cache } = opened;
    await cache.set('a', 1);
    proxy.halfOpen();
    await waitUntil('Another connection', 30_000, () => cache.renewConnections());
    expect(await cache.get('a')).toBe(1);
  },
);

describe(ownClient.client, () => {
  test('row 21: a freeze longer than the client’s own patience ends as any other', async () => {
    await using server = await startRedis();
    await using opened = await ownClient.open(server.url);
    const { cache } = opened;
    await server.freeze();
    const startedAt = performance.now();
    const load = startLoad(2, async () => void (await cache.get('a')));
    await waitUntil('Five seconds of silence', 30_000, () => performance.now() - startedAt > 5_000);
    await server.resume();
    const { succeeded } = load;
    await waitUntil('A get once the server runs on', ownClient.recoveryLimitMs, () => load.succeeded > succeeded);
    await load.stop();
    expect(load.slowestMs).toBeLessThan(SETTLED_LIMIT_MS);
  });

  test('row 22: a connection whose other end is gone without a word is replaced, under load too', async () => {
    await using server = await startRedis();
    await using proxy = await startProxy(server.port);
    await using opened = await ownClient.open(proxy.urlFor(server.url));
    const { cache } = opened;
    const load = startLoad(10, async () => void (await cache.get('a')));
    await waitUntil('Ten gets', 30_000, () => load.succeeded >= 10);
    proxy.halfOpen();
    await waitUntil('Ten failures', 30_000, () => load.failures.length >= 10);
    const { succeeded } = load;
    await waitUntil('A get over a new connection', 30_000, () => load.succeeded > succeeded + 10);
    await load.stop();
    expect(load.slowestMs).toBeLessThan(SETTLED_LIMIT_MS);
    expect(proxy.accepted).toBeGreaterThan(1);
  });

  test('row 23: a set that timed out on a slow link does not come back after a later, acknowledged removal', async () => {
    await using server = await startRedis();
    await using link = await startLateLink(server.port);
    await using opened = await ownClient.open(`redis://127.0.0.1:${link.port}`);
    const { cache } = opened;
    await cache.set('a', 'first');

    link.holdRequests();
    const { ambiguous } = await failureOf(cache.set('a', 'late'), 'ERR_CACHE_TIMEOUT');
    expect(ambiguous).toBe(true);
    link.dropClients();
    await recovery('A removal over a new connection', ownClient.recoveryLimitMs, () => cache.removeItem('a'));
    await link.deliverHeld();
    expect(await cache.get('a')).toBeUndefined();
  });

  test('row 23: control: with node-redis alone such a set does come back', async () => {
    await using server = await startRedis();
    await using link = await startLateLink(server.port);
    const client = createClient({ url: `redis://127.0.0.1:${link.port}`, socket: { reconnectStrategy: 50 } });
    client.on('error', () => {});
    try {
      await client.connect();
      link.holdRequests();
      const late = settle(client.set('a', 'late'), SETTLED_LIMIT_MS);
      await waitUntil('The set being under way', 30_000, () => link.heldBytes > 0);
      link.dropClients();
      expect(await late).toMatchObject({ state: 'rejected' });
      expect(await client.del('a')).toBe(0);
      await link.deliverHeld();
      expect(await client.get('a')).toBe('late');
    } finally {
      client.destroy();
    }
  });
});
