import type { Awaitable } from './awaitable.ts';

/** A cache that can be asked whether its server answers. */
export interface PingableCache {
  /**
   * Makes one round trip and answers how many milliseconds it took.
   *
   * @throws CacheTimeoutError, CacheUnavailableError when the server does not answer as it should
   */
  ping(): Awaitable<number>;
}
