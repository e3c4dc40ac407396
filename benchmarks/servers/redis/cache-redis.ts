import { type Contestant, EXPIRATION_IN_SECONDS } from '../contestant.ts';

export const cacheRedis: Contestant = {
  name: '@cache/redis',
  kind: 'ours',
  notes: [
    '`new RedisCache(client)` on a client as node-redis ships it; checks keys and values, a deadline on each call, set to 10 s: 512 calls with 20 KB each are more than this machine does in 250 ms',
  ],
  packages: ['@cache/redis', 'redis'],
  async open({ url, namespace }) {
    const [{ RedisCache }, { createClient }] = await Promise.all([import('@cache/redis'), import('redis')]);
    const client = createClient({ url });
    client.on('error', () => {});
    await client.connect();
    const cache = new RedisCache(client, { prefix: `${namespace}:`, readTimeoutMs: 10_000, writeTimeoutMs: 10_000 });
    return {
      get: (key) => cache.get(key),
      set: (key, value) => cache.set(key, value, EXPIRATION_IN_SECONDS),
      async close() {
        await cache.close();
        await client.close();
      },
    };
  },
};
