import { DatabaseCache, type DatabaseCacheOptions } from '@cache/postgres';
import { settle } from '@cache/test-servers';
import postgres, { type Sql } from 'postgres';
import { DEADLINES } from './failures.ts';

/** A cache to treat badly; disposing of it closes it and whatever pool is behind it. */
export interface OpenedCache extends AsyncDisposable {
  readonly cache: DatabaseCache;
}

/** One of the ways in which an application comes to a cache. */
export interface CachePool {
  readonly pool: string;
  /** How long after the server answers again a call must succeed: two seconds, and room for busy machines. */
  readonly recoveryLimitMs: number;
  /** A cache; its server need not be there. */
  open(url: string, options?: DatabaseCacheOptions): Promise<OpenedCache>;
}

const CONNECT_LIMIT_MS = 20_000;

/** Without a listener an outage is a warning, which would fill the report. */
const QUIET = { hooks: { onError: () => {} } };
const COMMON = { ...QUIET, ...DEADLINES };

export const ownPool: CachePool = {
  pool: 'DatabaseCache.connect',
  recoveryLimitMs: 10_000,
  async open(url, options) {
    const outcome = await settle(DatabaseCache.connect(url, { ...COMMON, ...options }), CONNECT_LIMIT_MS);
    if (outcome.state === 'rejected') throw outcome.reason;
    const cache = outcome.value;
    return { cache, [Symbol.asyncDispose]: () => cache.close() };
  },
};

/**
 * With the settings that an application should give its pool. By itself postgres.js waits up to 20 s before it reconnects,
 * and a connection that is lost while it asks for array types is an unhandled rejection.
 */
export const callersPool: CachePool = {
  pool: "a caller's pool",
  recoveryLimitMs: 10_000,
  async open(url, options) {
    const sql = openPool(url);
    const cache = new DatabaseCache(sql, { ...COMMON, ...options });
    return {
      cache,
      async [Symbol.asyncDispose]() {
        await cache.close();
        await sql.end({ timeout: 0 });
      },
    };
  },
};

export const CACHE_POOLS: readonly CachePool[] = [ownPool, callersPool];

/** An application's own postgres.js. */
export function openPool(url: string, settings: postgres.Options<Record<string, never>> = {}): Sql {
  const advised = { connect_timeout: 2, backoff: () => 0.1, fetch_types: false, onnotice: () => {} };
  return postgres(url, { max: 4, ...advised, ...settings }) as Sql;
}
