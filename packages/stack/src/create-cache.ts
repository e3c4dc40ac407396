import { StackCache } from './stack-cache.ts';
import type { StackOptions } from './stack-options.ts';

/**
 * A cache of one or two levels with read-through.
 *
 * ```ts
 * const cache = createCache({ l1: new InMemoryCache({ maxSize: 10_000 }), l2: await RedisCache.connect(url, { prefix: 'shop:' }) });
 * const user = await cache.getOrSet(`user:${id}`, ({ signal }) => loadUser(id, signal), { expirationInSeconds: 600, tags: ['users'] });
 * ```
 *
 * @throws CacheOptionError if the options do not fit together
 */
export function createCache<V = unknown>(options: StackOptions<V>): StackCache<V> {
  return new StackCache(options);
}
