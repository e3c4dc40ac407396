import type {
  AsyncCache,
  Awaitable,
  CleanableCache,
  Expiration,
  IterableCache,
  LeasingCache,
  PingableCache,
  TaggedCache,
} from '@cache/core';
import type { ManyLoader } from './batch-load.ts';
import type { GetOrSetOptions, Loader } from './get-or-set-options.ts';
import type { ManyValues } from './many-values.ts';

/**
 * What a store can be put behind: a cache that loads what it lacks and never keeps a value whose load began before the key
 * was removed. What `createCache` gives is one, and so is a namespace of it.
 */
export interface ReadThroughCache<V> extends Omit<AsyncCache<V>, 'get'>, Partial<CopyCalls> {
  getOrSet(key: string, loader: Loader<V>, options?: Expiration | GetOrSetOptions): Promise<V | undefined>;
  getOrSetMany(
    keys: readonly string[],
    loadMissing: ManyLoader<V>,
    options?: Expiration | GetOrSetOptions,
  ): Promise<ManyValues<V>>;
  /** Removes many in one call, where the cache can. */
  removeItems?(keys: readonly string[]): Awaitable<number>;
}

/** What concerns the copies alone, whatever the store holds. */
export interface CopyCalls
  extends TaggedCache,
    PingableCache,
    CleanableCache,
    Pick<LeasingCache, 'expireItem'>,
    Pick<IterableCache, 'clearPrefix'> {}
