import type { AsyncCache, Expiration } from '@cache/core';
import type { ReadThrough } from './read-through.ts';

/**
 * The plain way to use any cache: look, load what is missing, store it. Simple, and with two weaknesses that the demo
 * shows: callers who miss together load together, and a load that an invalidation overtakes stores what it read before.
 */
export function cacheAside(cache: AsyncCache, expirationInSeconds: Expiration): ReadThrough {
  return async <T extends object>(key: string, load: () => Promise<T | undefined>) => {
    const cached = await cache.get<T>(key);
    if (cached !== undefined) return { value: cached, origin: 'cache' };
    const value = await load();
    if (value === undefined) return undefined;
    await cache.set(key, value, expirationInSeconds);
    return { value, origin: 'load' };
  };
}
