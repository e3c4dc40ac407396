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

  /**
   * Makes every item that carries one of these tags stale from now on, as `expireItem` does for one key: a miss to
   * `get`, but `getOrLease` may serve it within its stale window. At the cost of `invalidateTags`, and as final for
   * what is being loaded.
   *
   * @throws CacheOptionError for a tag that is no tag
   */
  expireTags(tags: readonly string[]): Awaitable<void>;
}
