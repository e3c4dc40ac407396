import type { CacheError } from './cache-error.ts';

/** Every call that hooks are told about. */
export type CacheOperation =
  | 'get'
  | 'set'
  | 'removeItem'
  | 'exists'
  | 'clear'
  | 'clearPrefix'
  | 'mget'
  | 'mset'
  | 'removeItems'
  | 'increment'
  | 'decrement'
  | 'setWithNx'
  | 'getTtl'
  | 'removeIfEquals'
  | 'setTtlIfEquals'
  | 'invalidateTags'
  | 'expireTags'
  | 'getEntries'
  | 'getOrLease'
  | 'fill'
  | 'renew'
  | 'release'
  | 'expireItem'
  | 'keys'
  | 'inspect'
  | 'cleanupExpired'
  | 'ping'
  | 'close'
  | 'getOrSet'
  | 'getOrSetMany'
  | 'load';

/** How a call ended: `done` where hit and miss say nothing. */
export type CacheOutcome = 'hit' | 'miss' | 'stale' | 'done' | 'error';

/** The level of a stack that answered a read: the one in this process, or the shared one. */
export type CacheLevel = 'l1' | 'l2';

/** Why a live item had to go. */
export type EvictionReason = 'size' | 'bytes';

/** Which cache an event is from. */
export interface CacheEventSource {
  /** The cache's `name` option. */
  readonly cache: string;
  /** The kind of cache, such as `memory`. */
  readonly backend: string;
}

/** Something that happened to one key. */
export interface CacheKeyEvent extends CacheEventSource {
  readonly operation: CacheOperation;
  /** The key as the application gave it; in a batch there is one event a key. */
  readonly key: string;
  /** How long the call took; in a batch, the batch. */
  readonly durationMs: number;
  /**
   * The size in bytes of the payload that was read or stored, where the backend tells: Redis and PostgreSQL do, of every
   * call but `increment` and `decrement`. Memory keeps no payloads.
   */
  readonly payloadBytes?: number;
  /** Which level it was found in, where the cache has levels. */
  readonly level?: CacheLevel;
}

/** A live item was displaced. */
export interface CacheEvictEvent extends CacheEventSource {
  readonly key: string;
  readonly reason: EvictionReason;
}

/** An item was found expired and dropped. */
export interface CacheExpireEvent extends CacheEventSource {
  readonly key: string;
}

/** A loader ended. */
export interface CacheLoadEvent extends CacheEventSource {
  readonly key: string;
  readonly durationMs: number;
  readonly outcome: 'done' | 'error';
}

/** A call failed, or something failed in the background. */
export interface CacheErrorEvent extends CacheEventSource {
  readonly operation: CacheOperation;
  readonly error: CacheError;
  readonly durationMs: number;
}

/** Whether calls reach a server: `closed` as a rule, `open` while it is left alone, `halfOpen` while it is tried. */
export type CacheBreakerState = 'closed' | 'open' | 'halfOpen';

/** The circuit breaker in front of a server changed. */
export interface CacheBreakerEvent extends CacheEventSource {
  readonly state: CacheBreakerState;
  readonly previousState: CacheBreakerState;
  /** How many invalidations wait until the server can be told. */
  readonly queuedInvalidations: number;
}

/** A call ended, whatever it did: what an exporter times. */
export interface CacheOperationEvent extends CacheEventSource {
  readonly operation: CacheOperation;
  readonly outcome: CacheOutcome;
  readonly durationMs: number;
  /** Which level answered, where the cache has levels and one of them did. */
  readonly level?: CacheLevel;
}

/** Calls that read one key each and ended together, each in the same time: what an exporter adds up. */
export interface CacheReadsEvent extends CacheEventSource {
  readonly operation: CacheOperation;
  /** How many found their item. */
  readonly hits: number;
  /** How many found none. */
  readonly misses: number;
  /** How long each of them took. */
  readonly durationMs: number;
  /**
   * The bytes of all payloads that were found. They are measured when this is called, which takes longer than all else in
   * the event, so only those pay who ask. Ask within the hook.
   */
  payloadBytes(): number;
}

/**
 * Called when something happens in a cache. All are optional; without any, nothing is measured and nothing paid.
 * They run inside the call, so keep them short. One that throws, or whose promise rejects, harms nobody: the first
 * failure is reported as a process warning.
 */
export interface CacheHooks {
  /**
   * Whether a function of this object reads the async context of the call: an `AsyncLocalStorage`, the active span. With
   * `false` in all its hooks a cache may tell of the calls of many callers together, in the context of any, which costs
   * less.
   * @default true
   */
  readonly usesAsyncContext?: boolean;
  /** A value was found. */
  onHit?(event: CacheKeyEvent): void;
  /** No live value was found. */
  onMiss?(event: CacheKeyEvent): void;
  /** A value was stored. */
  onSet?(event: CacheKeyEvent): void;
  /** A live item was removed by a call. */
  onRemove?(event: CacheKeyEvent): void;
  /** A live item had to make room. */
  onEvict?(event: CacheEvictEvent): void;
  /** An expired item was dropped. */
  onExpire?(event: CacheExpireEvent): void;
  /** A loader ended. */
  onLoad?(event: CacheLoadEvent): void;
  /** A call failed. Set it, and outages no longer show up as process warnings. */
  onError?(event: CacheErrorEvent): void;
  /** A circuit breaker opened, tries its server, or closed. */
  onBreaker?(event: CacheBreakerEvent): void;
  /** A call ended, with its outcome and duration. */
  onOperation?(event: CacheOperationEvent): void;
  /**
   * Calls that read one key each ended together. A cache that gathers calls, as Redis does, may tell of its reads by this
   * alone, and then not by `onHit`, `onMiss` and `onOperation` of each. It does so where all of its hooks that have any of
   * the three have this one, and none of its hooks uses the async context. Reads that fail are told one by one.
   */
  onReads?(event: CacheReadsEvent): void;
}

/** The name of an event that hooks are told of. */
export type CacheHookName = Exclude<keyof CacheHooks, 'usesAsyncContext'>;
