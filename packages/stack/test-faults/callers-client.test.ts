import { RedisCache } from '@cache/redis';
import { createCache } from '@cache/stack';
import { startLoad, startProxy, startRedis, waitUntil } from '@cache/test-servers';
import { expect, test } from '@jest/globals';
import { createClient } from 'redis';

const LIMIT_MS = 30_000;

test('row 22: a client of the caller’s that holds a dead connection is done without, under load, until it has given that up', async () => {
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
    const hits = async (what: string): Promise<void> => {
      const { l2Hits } = cache.statistics;
      await waitUntil(what, LIMIT_MS, () => cache.statistics.l2Hits > l2Hits + 10);
    };
    await hits('Hits');
    proxy.halfOpen();
    await waitUntil('Another connection', LIMIT_MS, () => proxy.accepted === 2);
    await hits('Hits over it');
    await waitUntil('Another connection of the client’s', LIMIT_MS, () => proxy.accepted === 3);
    await waitUntil('That one alone', LIMIT_MS, () => proxy.open === 1);
    await hits('Hits over that');
    await load.stop();
    expect(load.failures).toEqual([]);
    expect(cache.breaker?.state).toBe('closed');
  } finally {
    await l2.close();
    client.destroy();
  }
});
