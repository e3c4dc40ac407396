import { RedisCache } from '@cache/redis';
import { createCache } from '@cache/stack';
import { startLoad, startProxy, startRedis, waitUntil } from '@cache/test-servers';
import { expect, test } from '@jest/globals';
import { createClient } from 'redis';

/** Sixteen attempts, a second apart at most, and the long pause; the rest is room for a busy machine. */
const QUIET_LIMIT_MS = 60_000;

test('row 22: a client of the caller’s that gives a dead connection up once nothing is written to it gets that silence, under load', async () => {
  await using server = await startRedis();
  await using proxy = await startProxy(server.port);
  const client = createClient({
    url: proxy.urlFor(server.url),
    pingInterval: 1_000,
    socket: { socketTimeout: 3_000, reconnectStrategy: 100 },
  });
  const l2 = new RedisCache<string>(client, { prefix: 'app:', hooks: { onError: () => {} } });
  try {
    await client.connect();
    await using cache = createCache<string>({ l2, hooks: { onError: () => {} } });
    const load = startLoad(5, async () => void (await cache.getOrSet('a', () => 'value')));
    await waitUntil('A hit', 30_000, () => cache.statistics.l2Hits > 10);
    proxy.halfOpen();
    await waitUntil('The breaker opening', 30_000, () => cache.breaker?.state !== 'closed');
    await waitUntil('The breaker closing', QUIET_LIMIT_MS, () => cache.breaker?.state === 'closed');
    await load.stop();
    expect(load.failures).toEqual([]);
    expect(proxy.accepted).toBeGreaterThan(1);
  } finally {
    await l2.close();
    client.destroy();
  }
});
