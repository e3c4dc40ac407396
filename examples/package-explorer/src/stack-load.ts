import type { Expiration } from '@cache/core';
import type { StackCache } from '@cache/stack';
import { answerFor, type ReadThrough } from './read-through.ts';

/** Nothing is remembered for this long, so that a package that is installed meanwhile is soon found. */
const ABSENT_EXPIRATION_IN_SECONDS = 5;

/** True for a cache that reads through by itself. */
export function readsThrough<C extends object>(cache: C): cache is C & Pick<StackCache, 'getOrSetEntry'> {
  return 'getOrSetEntry' in cache;
}

/** Reads through a stack: the lease, the waiting and what to do when the shared level is gone are its own affair. */
export function stackLoad(
  cache: Pick<StackCache, 'getOrSetEntry'>,
  { expirationInSeconds }: { readonly expirationInSeconds: Expiration },
): ReadThrough {
  const options = { expirationInSeconds, absentExpirationInSeconds: ABSENT_EXPIRATION_IN_SECONDS };
  return async <T extends object>(key: string, load: () => Promise<T | undefined>) => {
    let hasLoaded = false;
    const loader = (): Promise<T | undefined> => {
      hasLoaded = true;
      return load();
    };
    const entry = await cache.getOrSetEntry<T>(key, loader, options);
    if (entry?.source !== 'loader') return answerFor(entry?.value, 'cache');
    return answerFor(entry.value, hasLoaded ? 'load' : 'shared');
  };
}
