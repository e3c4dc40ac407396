import {
  type Absent,
  type Awaitable,
  type CacheEntry,
  CacheOptionError,
  type EntryOptions,
  type FillOptions,
  type Lease,
  type LeaseOptions,
} from '@cache/core';
import type { Capabilities, SharedCache } from './levels.ts';
import { PlainLeases } from './plain-leases.ts';
import type { Timers } from './timers.ts';

/** The shared level as the stack uses it: every answer a promise, leases whether it has them or not. */
export interface SharedStore<V> {
  readonly cache: SharedCache<V>;
  getEntries(keys: readonly string[], options?: EntryOptions): Promise<CacheEntry<V>[]>;
  getOrLease(key: string, options: LeaseOptions): Promise<CacheEntry<V>>;
  fill(lease: Lease, value: NonNullable<V> | Absent, options: FillOptions): Promise<boolean>;
  renew(lease: Lease, leaseInSeconds: number): Promise<boolean>;
  release(lease: Lease): Promise<void>;
  /** Runs a write of these keys so that no fill that began before it lands after it; `undefined`: of all keys. */
  write<T>(keys: readonly string[] | undefined, run: () => Promise<T>): Promise<T>;
}

/** A cache with leases of its own: the fence is in the store, and holds between processes. */
class LeasingStore<V> implements SharedStore<V> {
  readonly cache: SharedCache<V> & Pick<Capabilities<V>, 'getEntries' | 'getOrLease' | 'fill' | 'renew' | 'release'>;

  constructor(cache: LeasingStore<V>['cache']) {
    this.cache = cache;
  }

  getEntries(keys: readonly string[], options?: EntryOptions): Promise<CacheEntry<V>[]> {
    return promised(() => this.cache.getEntries(keys, options));
  }

  // Every miss comes by these two, so they do without a closure.
  getOrLease(key: string, options: LeaseOptions): Promise<CacheEntry<V>> {
    try {
      return Promise.resolve(this.cache.getOrLease(key, options));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  fill(lease: Lease, value: NonNullable<V> | Absent, options: FillOptions): Promise<boolean> {
    try {
      return Promise.resolve(this.cache.fill(lease, value, options));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  renew(lease: Lease, leaseInSeconds: number): Promise<boolean> {
    return promised(() => this.cache.renew(lease, leaseInSeconds));
  }

  release(lease: Lease): Promise<void> {
    return promised(() => this.cache.release(lease));
  }

  write<T>(_keys: readonly string[] | undefined, run: () => Promise<T>): Promise<T> {
    return run();
  }
}

/** A third party's call may throw at once, or answer without a promise. Its own promise is passed on as it is. */
function promised<T>(call: () => Awaitable<T>): Promise<T> {
  try {
    return Promise.resolve(call());
  } catch (error) {
    return Promise.reject(error);
  }
}

/** A store over any cache: over its own leases if it has them, over leases of this process otherwise. */
export function sharedStore<V>(
  cache: SharedCache<V>,
  timers: Timers,
  assumedRemainingInSeconds: number,
): SharedStore<V> {
  return hasLeases(cache) ? new LeasingStore(cache) : new PlainLeases(cache, timers, assumedRemainingInSeconds);
}

function hasLeases<V>(cache: SharedCache<V>): cache is LeasingStore<V>['cache'] {
  return (['getEntries', 'getOrLease', 'fill', 'renew', 'release'] as const).every(
    (name) => typeof cache[name] === 'function',
  );
}

/**
 * A capability of the shared cache, bound to it.
 *
 * @throws CacheOptionError if it has none of that name
 */
export function capability<V, Name extends keyof Capabilities<V>>(
  cache: SharedCache<V>,
  name: Name,
): Capabilities<V>[Name] {
  const method = cache[name];
  if (typeof method === 'function') return method.bind(cache) as Capabilities<V>[Name];
  throw new CacheOptionError(`The shared cache has no ${name}().`, { operation: name, backend: 'stack' });
}
