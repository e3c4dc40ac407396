import { type Contestant, EXPIRATION_IN_SECONDS } from '../contestant.ts';

export const keyv: Contestant = {
  name: 'keyv',
  kind: 'peer',
  notes: [
    'over @keyv/postgres, which brings pg and its default pool of 10; the lifetime is inside the value (text, not JSONB), so the server never knows what has expired',
  ],
  packages: ['keyv', '@keyv/postgres'],
  async open({ url, namespace }) {
    const [{ Keyv }, { KeyvPostgres }] = await Promise.all([import('keyv'), import('@keyv/postgres')]);
    const cache = new Keyv({ store: new KeyvPostgres({ uri: url, schema: namespace, table: 'cache' }) });
    return {
      get: (key) => cache.get(key),
      set: (key, value) => cache.set(key, value, EXPIRATION_IN_SECONDS * 1_000),
      close: () => cache.disconnect(),
    };
  },
};
