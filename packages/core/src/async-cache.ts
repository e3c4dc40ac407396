import type { Expiration } from './expiration.ts';
import type { Interruptible } from './interruptible.ts';
import type { SetOptions } from './set-options.ts';

/**
 * The five calls of {@link Cache}, each answering a promise: what every backend behind a network is, and what
 * `toAsync` makes of a synchronous one. Write application code against this type and any backend fits.
 *
 * A rejection is always a `CacheError` with a `code`: a server that does not answer within the deadline is a
 * `CacheTimeoutError`, one that cannot be reached a `CacheUnavailableError`.
 */
export interface AsyncCache<V = unknown> {
  /** The live value under `key`, or `undefined` when there is none or its lifetime has passed. */
  get<T extends V = V>(key: string): Promise<T | undefined>;

  /**
   * Stores `value` under `key`, replacing what was there and its lifetime, for 300 seconds unless told otherwise.
   *
   * @param options a lifetime in seconds, `null` for never, or a {@link SetOptions}
   */
  set(key: string, value: NonNullable<V>, options?: Expiration | SetOptions): Promise<void>;

  /** Removes the item. True if a live one was there. */
  removeItem(key: string): Promise<boolean>;

  /** True if `get` would find a value. */
  exists(key: string): Promise<boolean>;

  /** Removes this cache's own items, and nobody else's, in batches. */
  clear(options?: Interruptible): Promise<void>;
}
