import type { Expiration } from './expiration.ts';
import type { SetOptions } from './set-options.ts';

/**
 * A synchronous cache: what `InMemoryCache` is.
 *
 * `V` is what the cache holds. `null` and `undefined` are never values: `undefined` says "not found or expired".
 * Every call throws `CacheKeyError` for a key that is no key, and `CacheClosedError` after `close()`.
 */
export interface Cache<V = unknown> {
  /** The live value under `key`, or `undefined` when there is none or its lifetime has passed. */
  get<T extends V = V>(key: string): T | undefined;

  /**
   * Stores `value` under `key`, replacing what was there and its lifetime, for 300 seconds unless told otherwise.
   *
   * @param options a lifetime in seconds, `null` for never, or a {@link SetOptions}
   * @throws CacheValueError for `null`, `undefined` or a value that this cache cannot give back exactly
   * @throws CacheOptionError for a lifetime that is not finite and positive
   */
  set(key: string, value: NonNullable<V>, options?: Expiration | SetOptions): void;

  /** Removes the item. True if a live one was there. */
  removeItem(key: string): boolean;

  /** True if `get` would find a value. */
  exists(key: string): boolean;

  /** Removes this cache's own items, and nobody else's. */
  clear(): void;
}
