import type { AsyncCache } from './async-cache.ts';
import type { AtomicCache } from './atomic-cache.ts';
import type { BatchCache } from './batch-cache.ts';
import type { Cache } from './cache.ts';
import type { CleanableCache } from './cleanable-cache.ts';
import type { ClosableCache } from './closable-cache.ts';
import type { InspectableCache } from './inspectable-cache.ts';
import type { IterableCache } from './iterable-cache.ts';
import type { LeasingCache } from './leasing-cache.ts';
import type { PingableCache } from './pingable-cache.ts';
import type { TaggedCache } from './tagged-cache.ts';

/** An interface with every answer a promise. */
type Promised<I> = {
  readonly [Name in keyof I]: I[Name] extends (...args: infer Args) => infer Answer
    ? (...args: Args) => Promise<Awaited<Answer>>
    : I[Name];
};

/** An asynchronous cache's listing of keys, and how it ends. */
interface AsyncIterableCache {
  keys(...args: Parameters<IterableCache['keys']>): AsyncIterable<string>;
  clearPrefix(...args: Parameters<IterableCache['clearPrefix']>): Promise<void>;
}
interface AsyncClosableCache {
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** An {@link AsyncCache} with every capability that `C` has. */
export type Asynchronous<C> = (C extends Cache<infer V> ? AsyncCache<V> : never) &
  (C extends BatchCache<infer V> ? Promised<BatchCache<V>> : unknown) &
  (C extends AtomicCache<infer V> ? Promised<AtomicCache<V>> : unknown) &
  (C extends LeasingCache<infer V> ? Promised<LeasingCache<V>> : unknown) &
  (C extends InspectableCache<infer V> ? Promised<InspectableCache<V>> : unknown) &
  (C extends TaggedCache ? Promised<TaggedCache> : unknown) &
  (C extends CleanableCache ? Promised<CleanableCache> : unknown) &
  (C extends PingableCache ? Promised<PingableCache> : unknown) &
  (C extends IterableCache ? AsyncIterableCache : unknown) &
  (C extends ClosableCache ? AsyncClosableCache : unknown);

const METHODS = [
  'get',
  'set',
  'removeItem',
  'exists',
  'clear',
  'clearPrefix',
  'mget',
  'mset',
  'removeItems',
  'increment',
  'decrement',
  'setWithNx',
  'getTtl',
  'removeIfEquals',
  'setTtlIfEquals',
  'invalidateTags',
  'expireTags',
  'getEntries',
  'getOrLease',
  'fill',
  'renew',
  'release',
  'expireItem',
  'inspect',
  'cleanupExpired',
  'ping',
  'close',
] as const;

type Method = (...args: unknown[]) => unknown;

/**
 * Makes a synchronous cache an {@link AsyncCache} with every capability it has, so that a function typed `AsyncCache`
 * takes any backend. What the cache throws becomes a rejection.
 *
 * ```ts
 * const cache: AsyncCache = toAsync(new InMemoryCache({ maxSize: 1000 }));
 * ```
 */
export function toAsync<C extends Cache<never>>(cache: C): Asynchronous<C> {
  const source = cache as unknown as Record<PropertyKey, unknown>;
  const target: Record<PropertyKey, unknown> = {};
  for (const name of METHODS) {
    const method = source[name];
    if (typeof method === 'function')
      target[name] = async (...args: unknown[]) => (method as Method).apply(cache, args);
  }
  const keys = source['keys'];
  if (typeof keys === 'function') {
    target['keys'] = async function* (...args: unknown[]) {
      yield* (keys as (...args: unknown[]) => Iterable<string>).apply(cache, args);
    };
  }
  const close = target['close'];
  if (close !== undefined) target[Symbol.asyncDispose] = close;
  return target as Asynchronous<C>;
}
