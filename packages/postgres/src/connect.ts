import { CacheOptionError, redactedCause, withDeadline } from '@cache/core';
import type { DatabaseCacheOptions } from './database-cache-options.ts';
import { withDatabaseUrl } from './database-url.ts';
import { isRefusal, mayPass, REFUSED } from './driver-error.ts';
import { OwnPool } from './own-pool.ts';
import { OwnedDriver, type PoolSettings } from './owned-driver.ts';
import { SIDE_SETTINGS } from './side-connection.ts';

/** How `DatabaseCache.connect` connects. */
export interface ConnectOptions extends DatabaseCacheOptions {
  /**
   * How many connections there are at most. Calls share them, many on each at once: reads prefer the first and writes the
   * last, and what is much is spread.
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

/** The time between two attempts to greet a server that was not there. */
const GREETING_PAUSE_MS = 500;

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
    prepare,
    connect_timeout: Math.max(1, Math.ceil(connectTimeoutMs / 1_000)),
    fetch_types: false,
    backoff: (attempt) => Math.min(0.02 * 2 ** attempt, LONGEST_RECONNECT_DELAY_IN_SECONDS),
    onnotice: () => {},
  };
  const openDriver = (onConnection: () => void): OwnedDriver =>
    new OwnedDriver({ ...settings, max: 1 }, url, onConnection);
  const openSideDriver = (): OwnedDriver => new OwnedDriver({ ...settings, ...SIDE_SETTINGS } as PoolSettings, url);
  return withDatabaseUrl(url, 'connect', () => new OwnPool({ openDriver, maxConnections, openSideDriver }));
}

/**
 * Waits for `greet`, the first statement, as long as `connect` may. If the server is not there, it is greeted later.
 *
 * @throws CacheOptionError if the server refuses the credentials; whatever else fails may pass
 */
export async function awaitServer(
  greet: () => Promise<void>,
  isClosed: () => boolean,
  { connectTimeoutMs = 2_000 }: ConnectOptions,
): Promise<void> {
  const greeting = greet();
  try {
    await withDeadline(greeting, connectTimeoutMs, () => new Error('no answer yet'));
  } catch (error) {
    if (isRefusal(error)) {
      throw new CacheOptionError(REFUSED, {
        operation: 'connect',
        backend: 'postgres',
        cause: redactedCause(error),
      });
    }
    void greetLater(greeting, greet, isClosed);
  }
}

/** Until the server has answered. What it answers that no waiting mends, every call says again. */
async function greetLater(first: Promise<void>, greet: () => Promise<void>, isClosed: () => boolean): Promise<void> {
  for (let greeting = first; ; greeting = greet()) {
    try {
      return await greeting;
    } catch (error) {
      if (!mayPass(error)) return;
    }
    await new Promise((resume) => setTimeout(resume, GREETING_PAUSE_MS).unref());
    if (isClosed()) return;
  }
}
