import type { Contestant } from '../contestant.ts';
import { EXPIRATION_IN_SECONDS } from '../contestant.ts';

export const bentocache: Contestant = {
  name: 'bentocache',
  kind: 'peer',
  notes: ['`useL2Layer(redisDriver(…))` alone, over ioredis 5; wraps each value with its times'],
  packages: ['bentocache', 'ioredis'],
  async open({ url, namespace }) {
    const [{ BentoCache, bentostore }, { redisDriver }, { Redis }] = await Promise.all([
      import('bentocache'),
      import('bentocache/drivers/redis'),
      import('ioredis'),
    ]);
    const connection = new Redis(url);
    const store = bentostore().useL2Layer(redisDriver({ connection, prefix: namespace }));
    const cache = new BentoCache({ default: 'redis', stores: { redis: store }, ttl: EXPIRATION_IN_SECONDS * 1_000 });
    return {
      get: (key) => cache.get({ key }),
      set: (key, value) => cache.set({ key, value }),
      close: () => cache.disconnectAll(),
    };
  },
};
