import type { RedisCache } from '@cache/redis';
import { type Contestant, EXPIRATION_IN_SECONDS, type OpenContestant } from '../contestant.ts';

const ours: Pick<Contestant, 'kind' | 'packages'> = { kind: 'ours', packages: ['@cache/redis', 'redis'] };

/** 512 calls with 20 KB each are more than this machine does in 250 ms. */
const PATIENT = { readTimeoutMs: 10_000, writeTimeoutMs: 10_000 } as const;

function contestant(cache: RedisCache, close: () => Promise<unknown>): OpenContestant {
  return {
    get: (key) => cache.get(key),
    set: (key, value) => cache.set(key, value, EXPIRATION_IN_SECONDS),
    async close() {
      await cache.close();
      await close();
    },
  };
}

export const cacheRedis: Contestant = {
  ...ours,
  name: '@cache/redis',
  notes: ['`RedisCache.connect(url)`; checks keys and values, a deadline on each call, set to 10 s'],
  async open({ url, namespace }) {
    const { RedisCache } = await import('@cache/redis');
    return contestant(await RedisCache.connect(url, { prefix: `${namespace}:`, ...PATIENT }), async () => {});
  },
};

export const cacheRedisOnClient: Contestant = {
  ...ours,
  name: '@cache/redis, your client',
  notes: ['`new RedisCache(client)` on a client as node-redis ships it'],
  async open({ url, namespace }) {
    const [{ RedisCache }, { createClient }] = await Promise.all([import('@cache/redis'), import('redis')]);
    const client = createClient({ url });
    client.on('error', () => {});
    await client.connect();
    return contestant(new RedisCache(client, { prefix: `${namespace}:`, ...PATIENT }), () => client.close());
  },
};
