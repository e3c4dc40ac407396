import type { Awaitable } from './awaitable.ts';
import type { Interruptible } from './interruptible.ts';

/** How expired items are swept. */
export interface CleanupOptions extends Interruptible {
  /**
   * How many items one step removes, where the backend works in steps.
   * @default the backend's own
   */
  readonly batchSize?: number;
  /**
   * Told after each step how many items have been removed so far.
   * @default none
   */
  readonly onProgress?: (removedCount: number) => void;
}

/** A cache that keeps expired items until somebody reads or sweeps them. */
export interface CleanableCache {
  /** Removes every expired item and says how many there were. */
  cleanupExpired(options?: CleanupOptions): Awaitable<number>;
}
