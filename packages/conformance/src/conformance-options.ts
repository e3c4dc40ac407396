import type { AsyncCache, Awaitable, Cache, CacheHooks, KeyTransformer } from '@cache/core';

/** A cache that the rules are run against: synchronous or not, with whatever capabilities it has. */
export type AnyCache = Cache | AsyncCache;

/**
 * What a backend can do beyond the five calls. A rule whose capability is `false` does not apply; a call that a cache
 * has without its capability being declared fails the first rule, so that nothing stays untested by oversight.
 */
export interface CacheCapabilities {
  /** `BatchCache`: mget, mset, removeItems. */
  readonly batch: boolean;
  /** `AtomicCache`: increment, decrement, setWithNx, getTtl, removeIfEquals, setTtlIfEquals. */
  readonly atomic: boolean;
  /** `TaggedCache`: invalidateTags, expireTags, and `tags` in the options of every call that stores. */
  readonly tags: boolean;
  /** `LeasingCache`: getEntries, getOrLease, fill, renew, release, expireItem. */
  readonly leases: boolean;
  /** `IterableCache`: keys, clearPrefix. */
  readonly iteration: boolean;
  /** `InspectableCache`: inspect. */
  readonly inspection: boolean;
  /** `CleanableCache`: cleanupExpired. */
  readonly cleanup: boolean;
  /** `ClosableCache`: close and Symbol.dispose or Symbol.asyncDispose. */
  readonly closing: boolean;
  /** The cache takes `hooks`. */
  readonly hooks: boolean;
  /** The cache takes a `keyTransformer`. */
  readonly keyTransformers: boolean;
  /** `clear`, `clearPrefix` and `keys` stop at an aborted `signal`. */
  readonly interruption: boolean;
  /** Two caches of one namespace hold the same items: what a server behind them means. */
  readonly shared: boolean;
}

/** Everything: hand it over whole, or with what your backend lacks set to `false`. */
export const EVERY_CAPABILITY: CacheCapabilities = {
  batch: true,
  atomic: true,
  tags: true,
  leases: true,
  iteration: true,
  inspection: true,
  cleanup: true,
  closing: true,
  hooks: true,
  keyTransformers: true,
  interruption: true,
  shared: true,
};

/**
 * How values come back.
 *
 * - `'references'`: any value but `null` and `undefined` is kept, and the very same one comes back.
 * - `'json'`: what JSON holds comes back exactly; anything else is refused with the path that is at fault.
 * - `'exact'`: whatever is accepted comes back equal and of the same type, and is a copy; the rest is refused.
 */
export type ValueContract = 'references' | 'json' | 'exact';

/** What a cache is to be made with. */
export interface CreateCacheOptions {
  /**
   * At most 60 characters of `[A-Za-z0-9_.-]`, and now and then others, which may be refused with CacheOptionError. Never
   * used before, unless a rule of `shared` asks for the same one twice.
   * Turn it into a prefix, a schema, a directory: whatever keeps this cache's items apart from all others in its store.
   */
  readonly namespace: string;
  /** Present only with the capability `hooks`. */
  readonly hooks?: CacheHooks | readonly CacheHooks[];
  /** Present only with the capability `keyTransformers`. */
  readonly keyTransformer?: KeyTransformer;
}

/** What the suite must know of a backend. */
export interface ConformanceOptions {
  /** The backend's name, for the titles. */
  readonly name: string;

  /** Makes a cache; it is empty if the namespace is new. A server's cache shares one client with all others. */
  readonly create: (options: CreateCacheOptions) => Awaitable<AnyCache>;

  /**
   * Gives back what a cache holds, after each rule.
   * @default `close()` where the cache has one
   */
  readonly dispose?: (cache: AnyCache) => Awaitable<void>;

  /**
   * What the backend can do beyond the five calls.
   * @default nothing
   */
  readonly capabilities?: Partial<CacheCapabilities>;

  /**
   * How values come back.
   * @default 'json'
   */
  readonly values?: ValueContract;

  /**
   * The longest serialised value that is taken, in bytes; `null` where there is no limit.
   * @default 1,048,576 (1 MiB), or null where `values` is 'references'
   */
  readonly maxValueBytes?: number | null;

  /**
   * How much longer than its lifetime an item may be seen, because the backend keeps whole seconds.
   * @default 0
   */
  readonly expirationResolutionInSeconds?: 0 | 1;

  /**
   * Moves the clock of every cache that `create` makes. Without it the suite waits in real time: all rules that wait
   * do so together, about 2 seconds, or 4 with a resolution of one second.
   */
  readonly advance?: (seconds: number) => Awaitable<void>;

  /**
   * How long one call may take before the suite calls it a hang.
   * @default 30,000
   */
  readonly callLimitMs?: number;
}
