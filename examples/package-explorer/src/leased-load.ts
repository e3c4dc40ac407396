import { setTimeout as pause } from 'node:timers/promises';
import { ABSENT, type Expiration, type Lease, type LeasingCache } from '@cache/core';
import { type Answer, answerFor, type ReadThrough } from './read-through.ts';

const FIRST_PAUSE_MS = 2;
const LONGEST_PAUSE_MS = 40;
/** Nothing is remembered for this long, so that a package that is installed meanwhile is soon found. */
const ABSENT_EXPIRATION_IN_SECONDS = 5;

/** How a value is loaded and kept. */
export interface LeasedLoadOptions {
  readonly expirationInSeconds: Expiration;
  /**
   * Who has waited this long for somebody else's load does it alone, and stores nothing.
   * @default 5000
   */
  readonly longestWaitMs?: number;
}

/** True if the cache grants leases. */
export function grantsLeases<C extends object>(cache: C): cache is C & LeasingCache {
  return 'getOrLease' in cache && 'fill' in cache && 'release' in cache;
}

/**
 * Reads under a lease: of all callers who miss together, in this process and in every other, one loads and the others wait
 * for it; and what was loaded before an invalidation is not stored after it.
 */
export function leasedLoad(cache: LeasingCache, options: LeasedLoadOptions): ReadThrough {
  const { expirationInSeconds, longestWaitMs = 5_000 } = options;
  return async <T extends object>(key: string, load: () => Promise<T | undefined>) => {
    const startedAt = performance.now();
    let hasWaited = false;
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
      const entry = await cache.getOrLease(key);
      if (entry.state === 'fresh') return { value: entry.value as T, origin: hasWaited ? 'shared' : 'cache' };
      if (entry.state === 'absent') return undefined;
      if (entry.lease !== undefined) return loadUnder(entry.lease, load);
      if (performance.now() - startedAt > longestWaitMs) return answerFor(await load(), 'unstored');
      await pause(pauseMs);
      hasWaited = true;
    }
  };

  async function loadUnder<T extends object>(
    lease: Lease,
    load: () => Promise<T | undefined>,
  ): Promise<Answer<T> | undefined> {
    let value: T | undefined;
    try {
      value = await load();
    } catch (error) {
      await cache.release(lease);
      throw error;
    }
    const expiration = value === undefined ? ABSENT_EXPIRATION_IN_SECONDS : expirationInSeconds;
    const isStored = await cache.fill(lease, value ?? ABSENT, { expirationInSeconds: expiration });
    return answerFor(value, isStored ? 'load' : 'unstored');
  }
}
