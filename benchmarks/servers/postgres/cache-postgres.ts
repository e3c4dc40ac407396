import type { MigrateOptions } from '@cache/postgres';
import { type Contestant, EXPIRATION_IN_SECONDS, type OpenContestant, type Place } from '../contestant.ts';

async function open(
  { url, namespace: schema }: Place,
  profile: NonNullable<MigrateOptions['profile']>,
  applicationPool?: number,
): Promise<OpenContestant> {
  const [{ DatabaseCache, migrate }, { default: postgres }] = await Promise.all([
    import('@cache/postgres'),
    import('postgres'),
  ]);
  const sql = postgres(url, { max: applicationPool ?? 1, onnotice: () => {} });
  await migrate(sql, { schema, profile });
  const options = { schema, readTimeoutMs: 10_000, writeTimeoutMs: 10_000 };
  const cache =
    applicationPool === undefined ? await DatabaseCache.connect(url, options) : new DatabaseCache(sql, options);
  return {
    get: (key) => cache.get(key),
    set: (key, value) => cache.set(key, value, EXPIRATION_IN_SECONDS),
    async close() {
      await cache.close();
      await sql.end();
    },
  };
}

const ours: Pick<Contestant, 'kind' | 'packages'> = { kind: 'ours', packages: ['@cache/postgres', 'postgres'] };

export const cachePostgres: Contestant = {
  ...ours,
  name: '@cache/postgres',
  notes: [
    '`DatabaseCache.connect`: checks keys and values, judges each read by the fence, has a deadline on each call, set to 10 s: 512 calls with 20 KB each are more than this machine does in 250 ms',
  ],
  open: (place) => open(place, 'standard'),
};

export const cachePostgresLean: Contestant = {
  ...ours,
  name: '@cache/postgres, lean',
  notes: ["`profile: 'lean'`: an unlogged table without the two further indexes"],
  open: (place) => open(place, 'lean'),
};

export const cachePostgresOnPool: Contestant = {
  ...ours,
  name: '@cache/postgres, pool of 10',
  notes: ['`new DatabaseCache(sql)` on an application’s pool of 10'],
  open: (place) => open(place, 'standard', 10),
};
