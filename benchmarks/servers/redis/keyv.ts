import type { Contestant } from '../contestant.ts';
import { EXPIRATION_IN_SECONDS } from '../contestant.ts';

export const keyv: Contestant = {
  name: 'keyv',
  kind: 'peer',
  notes: ['over @keyv/redis, which brings node-redis 5; wraps each value in `{"value":…,"expires":…}`'],
  packages: ['keyv', '@keyv/redis'],
  async open({ url, namespace }) {
    const { createKeyv } = await import('@keyv/redis');
    const cache = createKeyv(url, { namespace });
    return {
      get: (key) => cache.get(key),
      set: (key, value) => cache.set(key, value, EXPIRATION_IN_SECONDS * 1_000),
      close: () => cache.disconnect(),
    };
  },
};
