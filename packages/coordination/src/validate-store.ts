import { type CacheErrorContext, CacheOptionError } from '@cache/core';

/**
 * Passes if a cache has the calls that are made of it.
 *
 * @param taker what the cache was handed to, as it is written: `acquireLock(cache, key)`
 * @throws CacheOptionError that names a call it has not
 */
export function validateStore(
  store: unknown,
  calls: readonly string[],
  taker: string,
  context: CacheErrorContext,
): void {
  const missing = calls.find(
    (call) => typeof (store as Record<string, unknown> | null | undefined)?.[call] !== 'function',
  );
  if (missing === undefined) return;
  throw new CacheOptionError(`${taker} takes a cache that is an AtomicCache; this one has no ${missing}().`, context);
}
