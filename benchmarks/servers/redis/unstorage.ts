import type { Contestant } from '../contestant.ts';
import { EXPIRATION_IN_SECONDS } from '../contestant.ts';

export const unstorage: Contestant = {
  name: 'unstorage',
  kind: 'peer',
  notes: ['its redis driver, over ioredis 5; values are read by `destr`'],
  packages: ['unstorage', 'ioredis'],
  async open({ url, namespace }) {
    const [{ createStorage }, { default: redisDriver }] = await Promise.all([
      import('unstorage'),
      import('unstorage/drivers/redis'),
    ]);
    const storage = createStorage({ driver: redisDriver({ url, base: namespace, ttl: EXPIRATION_IN_SECONDS }) });
    return {
      get: (key) => storage.getItem(key),
      set: (key, value) => storage.setItem(key, { ...value }),
      close: () => storage.dispose(),
    };
  },
};
