import type { Awaitable } from './awaitable.ts';
import type { Expiration } from './expiration.ts';
import type { SetOptions } from './set-options.ts';

/** Many keys in one call. An empty call does no I/O; a large one travels in chunks. */
export interface BatchCache<V = unknown> {
  /** The values in the order of the keys, `undefined` where there is none; a key given twice is answered twice. */
  mget(keys: readonly string[]): Awaitable<(V | undefined)[]>;

  /**
   * Stores every entry with the same lifetime and tags; of a key given twice the last entry wins.
   *
   * @throws CacheKeyError, CacheValueError for a bad entry, naming its key: then nothing is written
   */
  mset(
    entries: Iterable<readonly [key: string, value: NonNullable<V>]>,
    options?: Expiration | SetOptions,
  ): Awaitable<void>;

  /** Removes the items and says how many were live. */
  removeItems(keys: readonly string[]): Awaitable<number>;
}
