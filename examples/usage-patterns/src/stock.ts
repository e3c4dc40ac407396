import { type LockStore, withLock } from '@cache/coordination';

/** A warehouse that reads and writes in two steps, and knows who wrote last. */
export interface Warehouse {
  count(item: string): Promise<number>;
  /** Refuses, with an error, a number smaller than that of the last who wrote. */
  setCount(item: string, count: number, fencingNumber: number): Promise<void>;
}

/**
 * A lock: one buyer at a time looks at the stock and changes it, whichever process they are in. A buyer whose lock ran out
 * while his process was frozen is stopped by the signal before he writes, and if he looked at it too early, by the
 * warehouse, which has seen a larger number.
 *
 * @returns true if there was one left
 */
export function buyOne(cache: LockStore, warehouse: Warehouse, item: string): Promise<boolean> {
  return withLock(
    cache,
    `stock:${item}`,
    async ({ signal, fencingNumber }) => {
      const count = await warehouse.count(item);
      if (count === 0) return false;
      signal.throwIfAborted();
      await warehouse.setCount(item, count - 1, fencingNumber);
      return true;
    },
    { leaseInSeconds: 10, waitTimeoutMs: 30_000, maxRetryDelayMs: 50 },
  );
}
