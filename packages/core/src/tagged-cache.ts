import type { Awaitable } from './awaitable.ts';

/** A cache whose items may carry tags (see `SetOptions.tags`). */
export interface TaggedCache {
  /**
   * Makes every item that carries one of these tags a miss, at a cost that does not depend on how many there are.
   * What a loader began to load before this call is never stored after it.
   *
   * @throws CacheOptionError for a tag that is no tag
   */
  invalidateTags(tags: readonly string[]): Awaitable<void>;
}
