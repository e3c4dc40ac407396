import type { Awaitable } from './awaitable.ts';
import type { Interruptible } from './interruptible.ts';

/** A cache that can list what it holds, and remove a part of it by the beginning of the keys. */
export interface IterableCache {
  /**
   * The keys of live items, those that start with `prefix` if it is given, in no order. An item that is written or
   * removed meanwhile may or may not appear; every other appears exactly once.
   */
  keys(prefix?: string, options?: Interruptible): AsyncIterable<string> | Iterable<string>;

  /**
   * Removes every item whose key starts with `prefix`, as `clear` removes all: what a loader began to load under such a
   * key before this call is never stored after it.
   *
   * @throws CacheKeyError for a prefix that could not begin a key
   */
  clearPrefix(prefix: string, options?: Interruptible): Awaitable<void>;
}
