import { RedisCache } from '@cache/redis';
import { startLoad, startRedisSentinel, waitUntil } from '@cache/test-servers';
import { expect, test } from '@jest/globals';
import { createSentinel } from 'redis';
import { PREFIX } from './cache-clients.ts';
import { DEADLINES, SETTLED_LIMIT_MS } from './failures.ts';

/** The sentinels agree after two seconds of silence; then come the election and the client's next look. */
const FAILOVER_LIMIT_MS = 60_000;

test('row 30: a failover by sentinels costs no call more than its deadline, and writes are back after it', async () => {
  await using servers = await startRedisSentinel();
  const client = createSentinel({
    name: servers.masterName,
    sentinelRootNodes: servers.sentinels.map(({ port }) => ({ host: '127.0.0.1', port })),
  });
  const cache = new RedisCache(client, { prefix: PREFIX, ...DEADLINES });
  try {
    await client.connect();
    const load = startLoad(10, async () => void (await cache.increment('n')));
    await waitUntil('100 increments', 30_000, () => load.succeeded >= 100);
    await servers.master.kill();
    await waitUntil('A failed increment', 30_000, () => load.failures.length > 0);
    const { succeeded } = load;
    await waitUntil('Increments after the failover', FAILOVER_LIMIT_MS, () => load.succeeded > succeeded + 10);
    await load.stop();
    expect(load.slowestMs).toBeLessThan(SETTLED_LIMIT_MS);
    const codes = new Set<string>(load.failures.map(({ code }) => code));
    expect([...codes].filter((code) => !/TIMEOUT|UNAVAILABLE/.test(code))).toEqual([]);
    await cache.set('a', 1);
    expect(await cache.get('a')).toBe(1);
  } finally {
    await cache.close();
    client.destroy();
  }
});
