import type { Contestant } from '../contestant.ts';
import { EXPIRATION_IN_SECONDS } from '../contestant.ts';

export const cacheManager: Contestant = {
  name: 'cache-manager',
  kind: 'peer',
  notes: ['one store, `createKeyv` of @keyv/redis, and no memory in front; stacks on keyv and node-redis 5'],
  packages: ['cache-manager', 'keyv', '@keyv/redis'],
  async open({ url, namespace }) {
    const [{ createCache }, { createKeyv }] = await Promise.all([import('cache-manager'), import('@keyv/redis')]);
    const cache = createCache({ stores: [createKeyv(url, { namespace })], ttl: EXPIRATION_IN_SECONDS * 1_000 });
    return {
      get: (key) => cache.get(key),
      set: (key, value) => cache.set(key, value),
      close: () => cache.disconnect(),
    };
  },
};
