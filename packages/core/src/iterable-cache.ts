import type { Interruptible } from './interruptible.ts';

/** A cache that can list what it holds. */
export interface IterableCache {
  /**
   * The keys of live items, those that start with `prefix` if it is given, in no order. An item that is written or
   * removed meanwhile may or may not appear; every other appears exactly once.
   */
  keys(prefix?: string, options?: Interruptible): AsyncIterable<string> | Iterable<string>;
}
