import type { Contestant } from '../contestant.ts';
import { EXPIRATION_IN_SECONDS } from '../contestant.ts';

export const cacheable: Contestant = {
  name: 'cacheable',
  kind: 'peer',
  notes: [
    '`primary` is `createKeyv` of @keyv/redis, so that nothing is answered from memory; stacks on keyv and node-redis 5',
  ],
  packages: ['cacheable', 'keyv', '@keyv/redis'],
  async open({ url, namespace }) {
    const [{ Cacheable }, { createKeyv }] = await Promise.all([import('cacheable'), import('@keyv/redis')]);
    const cache = new Cacheable({ primary: createKeyv(url, { namespace }), ttl: EXPIRATION_IN_SECONDS * 1_000 });
    return {
      get: (key) => cache.get(key),
      set: (key, value) => cache.set(key, value),
      close: () => cache.disconnect(),
    };
  },
};
