import { RedisCache, redisBus } from '@cache/redis';
import { type RedisCluster, startRedisCluster, startRedisSentinel, waitUntil } from '@cache/test-servers';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createClient, createCluster, createSentinel } from 'redis';
import { PATIENT } from './patience.ts';

describe('A cluster of three masters', () => {
  let servers: RedisCluster;
  let cluster: ReturnType<typeof createCluster>;
  beforeAll(async () => {
    servers = await startRedisCluster();
    cluster = createCluster({ rootNodes: servers.urls.map((url) => ({ url })) });
    await cluster.connect();
  }, 60_000);
  afterAll(async () => {
    await cluster?.close();
    await servers?.close();
  });

  test('gets each key from the node that has it, with no detour', async () => {
    const cache = new RedisCache(cluster, { prefix: 'app:', ...PATIENT });
    const keys = Array.from({ length: 300 }, (_, index) => `ключ ${index} {${index % 7}} {} {{x}`);
    await cache.mset(keys.map((key, index) => [key, index]));
    const redirections = await countRedirections();
    expect(await cache.mget(keys)).toEqual(keys.map((_, index) => index));
    expect(await countRedirections()).toBe(redirections);
    const sizes = await Promise.all(servers.masters.map(({ url }) => withClient(url, (client) => client.dbSize())));
    expect(sizes.every((size) => size > 0)).toBe(true);
    await cache.clear();
    expect(await cache.mget(keys)).toEqual(keys.map(() => undefined));
  });

  test('goes on while a slot moves and after it has moved', async () => {
    const cache = new RedisCache(cluster, { prefix: 'app:', ...PATIENT });
    const key = 'moving';
    await cache.set(key, { version: 1 }, { tags: ['t'] });
    const redisKey = `app:${key}`;
    const slot = Number(await withClient(servers.masters[0]?.url ?? '', (client) => client.clusterKeySlot(redisKey)));
    const owner = cluster.slots[slot]?.master.address;
    const source = servers.masters.find(({ port }) => owner?.endsWith(`:${port}`));
    const target = servers.masters.find((server) => server !== source);
    if (source === undefined || target === undefined) throw new Error('A cluster has an owner for each slot.');
    const ids = await Promise.all([source, target].map(({ url }) => withClient(url, (client) => client.clusterMyId())));
    const [sourceId = '', targetId = ''] = ids.map(String);
    await withClient(target.url, (client) => client.clusterSetSlot(slot, 'IMPORTING', sourceId));
    await withClient(source.url, (client) => client.clusterSetSlot(slot, 'MIGRATING', targetId));
    expect(await cache.get(key)).toEqual({ version: 1 });
    expect(await cache.increment('moving-count')).toBe(1);
    await withClient(source.url, (client) => client.migrate('127.0.0.1', target.port, redisKey, 0, 5_000));
    expect(await cache.get(key)).toEqual({ version: 1 });
    await cache.set(key, { version: 2 }, { tags: ['t'] });
    expect(await cache.get(key)).toEqual({ version: 2 });
    for (const { url } of [target, source]) {
      await withClient(url, (client) => client.clusterSetSlot(slot, 'NODE', targetId));
    }
    expect(await cache.get(key)).toEqual({ version: 2 });
    await cache.invalidateTags(['t']);
    expect(await cache.get(key)).toBeUndefined();
    expect(await cache.removeItem(key)).toBe(false);
  }, 30_000);

  test('carries a bus, and a cache with one tells it after each invalidation', async () => {
    await using bus = redisBus(cluster, { name: 'cluster' });
    const heard: unknown[] = [];
    bus.subscribe({ onInvalidation: (invalidation) => void heard.push(invalidation), onGap: () => {} });
    await waitUntil('A bus that is live', 10_000, () => bus.liveAtMs !== undefined);
    const cache = new RedisCache(cluster, { prefix: 'app:', bus, ...PATIENT });
    await cache.set('a', 1);
    expect(await cache.removeItem('a')).toBe(true);
    await cache.invalidateTags(['t']);
    await waitUntil('Both messages', 10_000, () => heard.length === 2);
    expect(heard).toEqual([
      { kind: 'key', key: 'a' },
      { kind: 'tag', tag: 't' },
    ]);
  }, 30_000);

  /** How often nodes have sent a client elsewhere. */
  async function countRedirections(): Promise<number> {
    const counts = await Promise.all(
      servers.masters.map(({ url }) => withClient(url, async (client) => String(await client.info('errorstats')))),
    );
    return counts.reduce((sum, text) => sum + Number(/errorstat_MOVED:count=(\d+)/.exec(text)?.[1] ?? 0), 0);
  }
});

test('A master behind Sentinel serves every kind of call, pipelined in one tick', async () => {
  await using servers = await startRedisSentinel();
  const sentinel = createSentinel({
    name: servers.masterName,
    sentinelRootNodes: servers.sentinels.map(({ port }) => ({ host: '127.0.0.1', port })),
  });
  await sentinel.connect();
  try {
    const cache = new RedisCache(sentinel, { prefix: 'app:', ...PATIENT });
    const [, seen, count] = await Promise.all([cache.set('k', 1), cache.get('k'), cache.increment('n')]);
    expect([seen, count]).toEqual([1, 1]);
    const keys = Array.from({ length: 500 }, (_, index) => `k${index}`);
    await Promise.all(keys.map((key, index) => cache.set(key, index)));
    expect(await cache.mget(keys)).toEqual(keys.map((_, index) => index));
    for (let jobs = 0; jobs < 12; jobs += 1) {
      const sets = [cache.set('leader', 1), cache.set('order', 'first')];
      for (let job = 0; job < jobs; job += 1) await null;
      sets.push(cache.set('order', 'second'));
      await Promise.all(sets);
      expect(await cache.get('order')).toBe('second');
    }
    const entry = await cache.getOrLease('leased');
    expect(entry).toMatchObject({ state: 'missing', lease: { key: 'leased' } });
    if (entry.state === 'missing' && entry.lease !== undefined) {
      expect(await cache.fill(entry.lease, 'v', { tags: ['t'] })).toBe(true);
    }
    await cache.invalidateTags(['t']);
    expect(await cache.get('leased')).toBeUndefined();
    await cache.clear();
    expect(await cache.exists('k')).toBe(false);
  } finally {
    await sentinel.close();
  }
}, 90_000);

type Client = ReturnType<typeof createClient>;

async function withClient<T>(url: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = createClient({ url });
  client.on('error', () => {});
  await client.connect();
  try {
    return await work(client as Client);
  } finally {
    client.destroy();
  }
}
