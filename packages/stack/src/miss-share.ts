import type { CacheEntry } from '@cache/core';

/** The weight of one read: about the last twenty count. */
const WEIGHT = 1 / 20;

/** A read is about half the price of asking for a lease, and a miss that was read first pays for both. */
const HIGH_SHARE = 0.3;

/**
 * The share of recent first requests to the shared level that found nothing, as a moving average: whether the next flight
 * had better ask for the lease at once.
 */
export class MissShare {
  // A process that has just begun misses.
  #share = 1;

  /** True if a miss is likely enough to ask for the lease at once. */
  get isHigh(): boolean {
    return this.#share > HIGH_SHARE;
  }

  /** A flight's first request was answered. */
  observe(state: CacheEntry<unknown>['state']): void {
    const isMiss = state === 'missing' || state === 'stale';
    this.#share += (Number(isMiss) - this.#share) * WEIGHT;
  }
}
