import type { Awaitable } from './awaitable.ts';
import type { CacheItem } from './cache-item.ts';

/** A cache that shows an item with its end of life. */
export interface InspectableCache<V = unknown> {
  /** The live item, or `undefined`. Reading it counts neither as a hit nor as a use. */
  inspect(key: string): Awaitable<CacheItem<V> | undefined>;
}
