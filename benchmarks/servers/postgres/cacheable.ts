import { type Contestant, EXPIRATION_IN_SECONDS } from '../contestant.ts';

export const cacheable: Contestant = {
  name: 'cacheable',
  kind: 'peer',
  notes: ['`primary` is @keyv/postgres, so that nothing is answered from memory; stacks on keyv and pg'],
  packages: ['cacheable', 'keyv', '@keyv/postgres'],
  async open({ url, namespace }) {
    const [{ Cacheable }, { Keyv }, { KeyvPostgres }] = await Promise.all([
      import('cacheable'),
      import('keyv'),
      import('@keyv/postgres'),
    ]);
    const primary = new Keyv({ store: new KeyvPostgres({ uri: url, schema: namespace, table: 'cache' }) });
    const cache = new Cacheable({ primary, ttl: EXPIRATION_IN_SECONDS * 1_000 });
    return {
      get: (key) => cache.get(key),
      set: (key, value) => cache.set(key, value),
      close: () => cache.disconnect(),
    };
  },
};
