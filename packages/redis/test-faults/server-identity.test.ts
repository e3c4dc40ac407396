import { RedisCache } from '@cache/redis';
import { startRedis, startRedisCluster, waitUntil } from '@cache/test-servers';
import { describe, expect, test } from '@jest/globals';
import { createCluster } from 'redis';
import { administer } from './administrator.ts';
import { CACHE_CLIENTS, ownClient, PREFIX } from './cache-clients.ts';
import { DEADLINES } from './failures.ts';

const RECOVERY_LIMIT_MS = 30_000;

/** A node counts as failed after two seconds of silence; then come the election and the client's next look at the topology. */
const FAILOVER_LIMIT_MS = 60_000;

async function answers(cache: RedisCache): Promise<void> {
  await waitUntil('The server answering', RECOVERY_LIMIT_MS, async () => {
    await cache.get('a');
    return true;
  });
}

describe.each(CACHE_CLIENTS)('$client', ({ open }) => {
  test('names the same server as long as it runs, and another one after a restart, over a new connection', async () => {
    await using server = await startRedis();
    await using opened = await open(server.url);
    await using other = await open(server.url);
    const { cache } = opened;
    const identity = await cache.serverIdentity();
    await cache.set('a', 1);
    await cache.clear();
    expect([await cache.serverIdentity(), await other.cache.serverIdentity()]).toEqual([identity, identity]);
    const epoch = cache.connectionEpoch;
    await server.kill();
    await server.restart();
    await answers(cache);
    expect(cache.connectionEpoch).not.toBe(epoch);
    expect(await cache.serverIdentity()).not.toBe(identity);
  });
});

test('is a configuration error for a user who may not ask', async () => {
  await using server = await startRedis();
  await using administrator = await administer(server);
  await administrator.send('ACL', 'SETUSER', 'narrow', 'on', '>secret', '~*', '+@all', '-info');
  await using opened = await ownClient.open(server.url.replace('redis://', 'redis://narrow:secret@'));
  await opened.cache.set('a', 1);
  await expect(opened.cache.serverIdentity()).rejects.toMatchObject({ code: 'ERR_CACHE_OPTION' });
});

test('of a cluster names all masters: another text once a replica took the place of one', async () => {
  await using servers = await startRedisCluster({ replicasPerMaster: 1 });
  const client = createCluster({ rootNodes: servers.urls.map((url) => ({ url })) });
  const cache = new RedisCache(client, { prefix: PREFIX, ...DEADLINES });
  await client.connect();
  try {
    const identity = await cache.serverIdentity();
    expect(identity.split(' ')).toHaveLength(3);
    expect(await cache.serverIdentity()).toBe(identity);
    const epoch = cache.connectionEpoch;
    await servers.masters[0]?.kill();
    await waitUntil('Another name', FAILOVER_LIMIT_MS, async () => (await cache.serverIdentity()) !== identity);
    expect(cache.connectionEpoch).not.toBe(epoch);
  } finally {
    await cache.close();
    client.destroy();
  }
});
