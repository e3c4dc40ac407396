import { CacheOptionError, redactedCause, withDeadline } from '@cache/core';
import type { DatabaseCacheOptions } from './database-cache-options.ts';
import { isRefusal } from './driver-error.ts';
import { OwnPool } from './own-pool.ts';
import type { PoolSettings } from './owned-driver.ts';

/** How `DatabaseCache.connect` connects. */
export interface ConnectOptions extends DatabaseCacheOptions {
  /**
   * How many connections there are at most. Calls share them, many on each at once.
   * @default 2
   */
  readonly maxConnections?: number;
  /**
   * How long `connect` waits for the server; it fulfils then, and the cache goes on trying.
   * @default 2,000
   */
  readonly connectTimeoutMs?: number;
  /**
   * `false` behind PgBouncer in transaction mode, which loses prepared statements.
   * @default true
   */
  readonly prepare?: boolean;
}

/** A caller waits for the delay between two attempts, so it is short. */
const LONGEST_RECONNECT_DELAY_IN_SECONDS = 0.5;

/**
 * A pool of the cache's own, with settings that keep a failing server from holding up callers.
 *
 * @throws CacheOptionError for a URL or a number that is none
 */
export function openPool(url: string, options: ConnectOptions): OwnPool {
  const { maxConnections = 2, connectTimeoutMs = 2_000, prepare = true } = options;
  if (!Number.isInteger(maxConnections) || maxConnections < 1 || maxConnections > 1_000) {
    throw new CacheOptionError('maxConnections is a whole number from 1 to 1000.', {
      operation: 'connect',
      backend: 'postgres',
    });
  }
  const settings: PoolSettings = {
    max: maxConnections,
    prepare,
    connect_timeout: Math.max(1, Math.ceil(connectTimeoutMs / 1_000)),
    fetch_types: false,
    backoff: (attempt) => Math.min(0.02 * 2 ** attempt, LONGEST_RECONNECT_DELAY_IN_SECONDS),
    onnotice: () => {},
  };
  try {
    // The driver reads the URL with this; its own error would carry the password.
    if (!/^postgres(?:ql)?:$/.test(new URL(url).protocol)) throw new Error('another protocol');
    return new OwnPool(url, settings);
  } catch (error) {
    throw new CacheOptionError('The URL is none: postgres://user:password@host:5432/database.', {
      operation: 'connect',
      backend: 'postgres',
      cause: { name: redactedCause(error).name, code: undefined },
    });
  }
}

/**
 * Waits for `greeting`, the first statement, as long as `connect` may.
 *
 * @throws CacheOptionError if the server refuses the credentials; whatever else fails may pass
 */
export async function awaitServer(
  greeting: Promise<unknown>,
  { connectTimeoutMs = 2_000 }: ConnectOptions,
): Promise<void> {
  try {
    await withDeadline(greeting, connectTimeoutMs, () => new Error('no answer yet'));
  } catch (error) {
    if (!isRefusal(error)) return;
    throw new CacheOptionError('PostgreSQL refuses the credentials, or has no such database.', {
      operation: 'connect',
      backend: 'postgres',
      cause: redactedCause(error),
    });
  }
}
