import type {
  AsyncCache,
  AtomicCache,
  BatchCache,
  Cache,
  CleanableCache,
  IdentifiableCache,
  InspectableCache,
  IterableCache,
  LeasingCache,
  PingableCache,
  PublishingCache,
  RenewableCache,
  TaggedCache,
} from '@cache/core';

/** What may stand near: a synchronous cache whose items carry tags, such as `InMemoryCache`. */
export type NearCache<V = unknown> = Cache<V> & TaggedCache & Partial<Pick<IterableCache, 'clearPrefix'>>;

/** What may be shared: any asynchronous cache, with as many capabilities as it has. */
export type SharedCache<V = unknown> = AsyncCache<V> &
  Partial<Capabilities<V>> &
  Partial<RenewableCache> &
  Partial<IdentifiableCache> &
  Partial<PublishingCache>;

/** Every capability that a stack passes on. */
export interface Capabilities<V = unknown>
  extends BatchCache<V>,
    AtomicCache<V>,
    TaggedCache,
    LeasingCache<V>,
    IterableCache,
    InspectableCache<V>,
    CleanableCache,
    PingableCache {}
