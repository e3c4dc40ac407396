import { type CreateCacheOptions, describeCache, EVERY_CAPABILITY } from '@cache/conformance';
import { type AsyncCache, type CacheHooks, toAsync } from '@cache/core';
import { InMemoryCache } from '@cache/memory';
import { createCache, type StackOptions } from '@cache/stack';
import * as runner from '@jest/globals';
import { fiveMethodCache } from './five-method-cache.ts';

/** Shared levels by namespace: two stacks of one namespace stand over the same items, as two processes would. */
const shared = new Map<string, InMemoryCache>();

function sharedLevel(namespace: string): AsyncCache {
  let cache = shared.get(namespace);
  if (cache === undefined) {
    cache = new InMemoryCache({ maxSize: 100_000 });
    shared.set(namespace, cache);
  }
  return toAsync(cache);
}

function options({ hooks, keyTransformer }: CreateCacheOptions): Partial<StackOptions> {
  return { ...(hooks && { hooks: hooks as CacheHooks }), ...(keyTransformer && { keyTransformer }) };
}

describeCache(
  {
    name: 'a stack over memory alone',
    create: (given) => createCache({ l1: new InMemoryCache({ maxSize: 100_000 }), ...options(given) }),
    capabilities: { ...EVERY_CAPABILITY, shared: false },
    values: 'references',
  },
  runner,
);

describeCache(
  {
    name: 'a stack of two levels',
    create: (given) =>
      createCache({
        l1: new InMemoryCache({ maxSize: 100_000 }),
        l2: sharedLevel(given.namespace),
        ...options(given),
      }),
    capabilities: { ...EVERY_CAPABILITY, shared: false },
    values: 'references',
  },
  runner,
);

describeCache(
  {
    name: 'a stack over a third party’s five calls',
    create: (given) => {
      const cache = createCache({ l2: fiveMethodCache(), ...options(given) });
      // What needs more than the five calls is refused with a name; the rules are for what is there.
      return {
        get: (key) => cache.get(key),
        set: (key, value, expiration) => cache.set(key, value, expiration),
        removeItem: (key) => cache.removeItem(key),
        exists: (key) => cache.exists(key),
        clear: () => cache.clear(),
      } as AsyncCache;
    },
    capabilities: { hooks: true, keyTransformers: true },
    values: 'references',
  },
  runner,
);
