import type { Awaitable } from './awaitable.ts';
import type { SetOptions } from './set-options.ts';

/** What a loader stores to say "there is no such thing": a negative entry, which is no value to `get`. */
export const ABSENT: unique symbol = Symbol.for('@cache/absent');

/** The type of {@link ABSENT}. */
export type Absent = typeof ABSENT;

/**
 * The right to load one key, held by one caller at a time among all processes, and the fence that drops its value
 * if the key, one of its tags or the whole cache is invalidated before `fill` (the lease of "Scaling Memcache at
 * Facebook", Nishtala et al., NSDI 2013, section 3.2.1). Only the cache that granted it can read it.
 */
export interface Lease {
  readonly key: string;
  readonly token: string;
}

/** A live value. */
export interface FreshEntry<V> {
  readonly state: 'fresh';
  readonly value: V;
  /** Seconds since it was stored; `undefined` where the backend keeps no such time (a plain value in Redis). */
  readonly ageInSeconds: number | undefined;
  /** Seconds until it expires; `null` for never. */
  readonly remainingInSeconds: number | null;
  /** How long its load took, if whoever filled it said so. */
  readonly loadDurationMs: number | undefined;
  readonly tags: readonly string[];
  /** Present only if it was asked for with `evenIfFresh`, and nobody else has it. */
  readonly lease?: Lease;
}

/** A value that has expired, or was expired by `expireItem`, and is kept for its stale window. */
export interface StaleEntry<V> {
  readonly state: 'stale';
  readonly value: V;
  readonly tags: readonly string[];
  /** Present if the caller now has the right to load; missing if somebody else has it, or it was not asked for. */
  readonly lease?: Lease;
}

/** A negative entry: it is known that there is no value. */
export interface AbsentEntry {
  readonly state: 'absent';
  /** Seconds until it expires; `null` for never. */
  readonly remainingInSeconds: number | null;
  readonly tags: readonly string[];
}

/** Nothing is known. */
export interface MissingEntry {
  readonly state: 'missing';
  /** Present if the caller now has the right to load; missing if somebody else has it, or it was not asked for. */
  readonly lease?: Lease;
}

/** Everything that can stand behind a key. */
export type CacheEntry<V> = FreshEntry<V> | StaleEntry<V> | AbsentEntry | MissingEntry;

/** How entries are read. */
export interface EntryOptions {
  /**
   * False if nobody will use `remainingInSeconds`: a backend that would have to ask its server for it may leave it at 0.
   * @default true
   */
  readonly needsRemaining?: boolean;
}

/** How a lease is asked for. */
export interface LeaseOptions {
  /**
   * After this many seconds somebody else may load the key: what a crashed loader costs.
   * @default 10
   */
  readonly leaseInSeconds?: number;
  /**
   * Take a stale copy only if it expired at most this many seconds ago.
   * @default as long as it is kept
   */
  readonly staleInSeconds?: number;
  /**
   * Grant the lease for a fresh entry too, which stays readable meanwhile: to load early or on demand. A backend may
   * refuse it for an entry that cannot carry one.
   * @default false
   */
  readonly evenIfFresh?: boolean;
}

/** How a loaded value is stored. */
export interface FillOptions extends SetOptions {
  /**
   * Keep the value this many seconds beyond its lifetime, to be served as stale.
   * @default 0
   */
  readonly staleInSeconds?: number;
  /**
   * How long the load took, kept with the value for early expiration.
   * @default none
   */
  readonly loadDurationMs?: number;
}

/** How long a lease is good for unless asked otherwise. */
export const DEFAULT_LEASE_IN_SECONDS = 10;

/**
 * The coherent load path: `getOrLease`, load, `fill`.
 *
 * **No `get`, `getEntries` or `getOrLease` that starts after an acknowledged invalidation (`removeItem`,
 * `expireItem`, `invalidateTags`, `clear`) returns as fresh a value whose load started before it.**
 *
 * A key that holds only a lease is absent to every other call, and a plain `set` or `removeItem` ends the lease.
 */
export interface LeasingCache<V = unknown> {
  /** What stands behind each key, in the order of the keys, with no lease granted. */
  getEntries(keys: readonly string[], options?: EntryOptions): Awaitable<CacheEntry<V>[]>;

  /** What stands behind the key; if that is nothing fresh, the lease too, unless somebody else holds it. */
  getOrLease(key: string, options?: LeaseOptions): Awaitable<CacheEntry<V>>;

  /**
   * Stores what was loaded under the lease, or {@link ABSENT}. False if it was fenced off, or the lease was taken
   * over: nothing is stored then, and the value is still good for the caller who loaded it.
   */
  fill(lease: Lease, value: NonNullable<V> | Absent, options?: FillOptions): Awaitable<boolean>;

  /**
   * Makes a lease that is still held good for `leaseInSeconds` (10) from now: what a long load calls every few seconds.
   * False if it was fenced off, ran out or was taken over.
   */
  renew(lease: Lease, leaseInSeconds?: number): Awaitable<boolean>;

  /** Hands the lease back after a failed load, so that the next caller may load at once. */
  release(lease: Lease): Awaitable<void>;

  /**
   * Makes the item stale from now on: it may still be served as stale within its stale window, or is removed if it
   * has none. Ends the key's lease. True if a live item was there.
   */
  expireItem(key: string): Awaitable<boolean>;
}
