import { type Awaitable, CacheOptionError } from '@cache/core';
import { acquireLock } from './acquire-lock.ts';
import type { CacheLock, LockStore } from './cache-lock.ts';
import type { LockOptions } from './lock-options.ts';

/** What work under a lock is given. */
export type LockedWork<T> = (lock: Pick<CacheLock, 'signal' | 'fencingNumber'>) => Awaitable<T>;

/**
 * Runs `work` while it holds the lock of a key, and gives the lock back however the work ends.
 *
 * ```ts
 * await withLock(cache, 'invoice:7', async ({ signal, fencingNumber }) => {
 *   await store.save(invoice, { signal, fencingNumber });
 * });
 * ```
 *
 * Hand `signal` to whatever takes one, and look at it before each step that must not be done twice. A lost lock does not
 * end the work by force: the call waits for it.
 *
 * @throws CacheLockLostError if the work was done, but the lock was lost before its end: somebody else may have worked too
 * @throws what the work throws, unchanged
 * @throws CacheLockHeldError and what else {@link acquireLock} throws, and the work is not begun
 */
export async function withLock<T>(
  cache: LockStore,
  key: string,
  work: LockedWork<T>,
  options: LockOptions = {},
): Promise<T> {
  if (typeof work !== 'function') {
    throw new CacheOptionError(
      `work is a function: withLock(cache, key, async ({ signal }) => …); got ${typeof work}.`,
      {
        operation: 'withLock',
        backend: 'coordination',
      },
    );
  }
  const lock = await acquireLock(cache, key, options);
  const { signal, fencingNumber } = lock;
  let result: T;
  try {
    result = await work({ signal, fencingNumber });
  } finally {
    // If the server does not answer, the local clock has said whether the lock was held to the end of the work.
    await lock[Symbol.asyncDispose]();
  }
  signal.throwIfAborted();
  return result;
}
