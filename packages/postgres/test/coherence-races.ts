import { randomInt } from 'node:crypto';
import type { DatabaseCache } from '@cache/postgres';
import type { Sql, TransactionSql } from 'postgres';

/** What a race found. */
export interface RaceResult {
  readonly rounds: number;
  /** Reads that began after an acknowledged invalidation and were answered from the cache with something older. */
  readonly stale: number;
  /** Rounds whose last acknowledged `set` could not be read. */
  readonly lost: number;
  /** Reads that the cache answered: a race in which there are none proves nothing. */
  readonly hits: number;
}

/** Where a race is run. */
export interface RaceGround {
  readonly sql: Sql;
  /** Has `race_source (key text PRIMARY KEY, version int)`. */
  readonly schema: string;
  readonly cache: DatabaseCache<number>;
}

/** How one writer of a round changes the source and invalidates; fulfils when that is acknowledged. */
type Writer = (ground: RaceGround, key: string) => Promise<Written>;

interface Written {
  /** The version that is in the source and invalidated from now on. */
  readonly version: number;
  /** The version that a `set` stored, which a read must find. */
  readonly stored?: number;
}

/** How a reader stores what it loaded. */
type Store = 'fill' | 'set';

export const RACES: Readonly<Record<string, Writer>> = {
  'removal in the transaction': inTransaction(async (cache, key) => {
    await cache.removeItem(key);
  }),
  'removal after the commit': async (ground, key) => {
    const version = await changed(ground, key);
    await ground.cache.removeItem(key);
    return { version };
  },
  'expiry in the transaction': inTransaction(async (cache, key) => {
    await cache.expireItem(key);
  }),
  'clear of a prefix in the transaction': inTransaction((cache, key) => cache.clearPrefix(key)),
  'set in the transaction': inTransaction(async (cache, key, version) => {
    await cache.set(key, version);
  }, true),
  'tag in the transaction': inTransaction((cache, key) => cache.invalidateTags([key])),
  'tag after the commit': async (ground, key) => {
    const version = await changed(ground, key);
    await ground.cache.invalidateTags([key]);
    return { version };
  },
  'clear after the commit': async (ground, key) => {
    const version = await changed(ground, key);
    await ground.cache.clear();
    return { version };
  },
  'rolled back': async (ground, key) => {
    await ground.sql
      .begin(async (tx) => {
        await bumped(ground, tx, key);
        await ground.cache.using(tx).removeItem(key);
        await pause(6);
        throw new Error('rolled back');
      })
      .catch(() => {});
    return { version: 1 };
  },
  'tag, then set in one transaction': inTransaction(async (cache, key, version) => {
    await cache.invalidateTags([key]);
    await cache.set(key, version, { tags: [key] });
  }, true),
  'set, then tag in one transaction': inTransaction(async (cache, key, version) => {
    await cache.set(key, version - 1, { tags: [key] });
    await cache.invalidateTags([key]);
  }),
};

/** Carries removals out and trims the tag log without end, while the others race. */
export async function maintain({ sql, schema, cache }: RaceGround, until: () => boolean): Promise<void> {
  while (!until()) {
    await sql.unsafe(`UPDATE ${schema}.cache_tag SET at = at - interval '2 hours'`);
    await cache.cleanupExpired();
    await pause(20);
  }
}

/** Rounds of five readers and two writers at one new key each, which is its own tag, 20 at a time, as long as `goesOn`. */
export async function race(
  ground: RaceGround,
  writer: Writer,
  store: Store,
  goesOn: (soFar: RaceResult) => boolean,
): Promise<RaceResult> {
  const result = { rounds: 0, stale: 0, lost: 0, hits: 0 };
  const name = `race-${randomInt(1e12)}`;
  await Promise.all(
    Array.from({ length: 20 }, async () => {
      while (goesOn(result)) {
        result.rounds += 1;
        await playRound(ground, writer, store, `${name}-${result.rounds}`, result);
      }
    }),
  );
  return result;
}

async function playRound(
  ground: RaceGround,
  writer: Writer,
  store: Store,
  key: string,
  result: { stale: number; lost: number; hits: number },
): Promise<void> {
  const { sql, schema, cache } = ground;
  await sql.unsafe(`INSERT INTO ${schema}.race_source VALUES ($1::text, 1)`, [key]);
  let acknowledged = 1;
  let stored: number | undefined;
  const judge = (version: number, least: number): void => {
    result.hits += 1;
    if (version < least) result.stale += 1;
  };
  const read = async (): Promise<void> => {
    await pause(50);
    const least = acknowledged;
    const entry = await cache.getOrLease(key);
    if (entry.state === 'fresh') return judge(entry.value, least);
    if (!('lease' in entry) || entry.lease === undefined) return;
    const loaded = await versionOf(ground, key);
    await pause(6);
    if (store === 'set') await cache.set(key, loaded, { tags: [key] });
    else await cache.fill(entry.lease, loaded, { tags: [key], staleInSeconds: 60 });
  };
  const write = async (): Promise<void> => {
    await pause(25);
    const written = await writer(ground, key);
    acknowledged = Math.max(acknowledged, written.version);
    stored = written.stored;
  };
  await Promise.all([read(), read(), read(), read(), read(), write(), write()]);
  const last = await cache.get(key);
  if (last !== undefined) judge(last, acknowledged);
  else if (stored !== undefined) result.lost += 1;
}

function inTransaction(
  invalidate: (cache: DatabaseCache<number>, key: string, version: number) => Promise<void>,
  stores = false,
): Writer {
  return async (ground, key) => {
    const version = await ground.sql.begin(async (tx) => {
      const next = await bumped(ground, tx, key);
      await invalidate(ground.cache.using(tx), key, next);
      await pause(6);
      return next;
    });
    return stores ? { version, stored: version } : { version };
  };
}

async function bumped({ schema }: RaceGround, tx: TransactionSql, key: string): Promise<number> {
  const [row] = await tx.unsafe(
    `UPDATE ${schema}.race_source SET version = version + 1 WHERE key = $1::text RETURNING version`,
    [key],
  );
  return row?.['version'] as number;
}

function changed(ground: RaceGround, key: string): Promise<number> {
  return ground.sql.begin(async (tx) => {
    const version = await bumped(ground, tx, key);
    await pause(6);
    return version;
  }) as Promise<number>;
}

async function versionOf({ sql, schema }: RaceGround, key: string): Promise<number> {
  const [row] = await sql.unsafe(`SELECT version FROM ${schema}.race_source WHERE key = $1::text`, [key]);
  return row?.['version'] as number;
}

/** An uneven rhythm: an even one finds nothing. */
function pause(mostMs: number): Promise<void> {
  return new Promise((resume) => setTimeout(resume, Math.random() * mostMs));
}
