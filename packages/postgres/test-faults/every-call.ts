import type { DatabaseCache } from '@cache/postgres';

/** One call of a cache, whatever it is. */
export interface NamedCall {
  readonly operation: string;
  /** What a failure must say of itself once the request was sent. */
  readonly kind: 'read' | 'write';
  run(cache: DatabaseCache): Promise<unknown>;
}

/** A lease that nobody granted, for calls that need one. */
const LEASE = { key: 'lease', token: 'nobody granted it' };

/** Every call that goes to the server. */
export const EVERY_CALL: readonly NamedCall[] = [
  { operation: 'get', kind: 'read', run: (cache) => cache.get('a') },
  { operation: 'mget', kind: 'read', run: (cache) => cache.mget(['a', 'b', 'c']) },
  { operation: 'exists', kind: 'read', run: (cache) => cache.exists('a') },
  { operation: 'getTtl', kind: 'read', run: (cache) => cache.getTtl('a') },
  { operation: 'inspect', kind: 'read', run: (cache) => cache.inspect('a') },
  { operation: 'getEntries', kind: 'read', run: (cache) => cache.getEntries(['a', 'b']) },
  { operation: 'keys', kind: 'read', run: (cache) => firstOf(cache.keys()) },
  { operation: 'ping', kind: 'read', run: (cache) => cache.ping() },
  { operation: 'set', kind: 'write', run: (cache) => cache.set('a', 1) },
  { operation: 'set with tags', kind: 'write', run: (cache) => cache.set('a', 1, { tags: ['t'] }) },
  { operation: 'mset', kind: 'write', run: (cache) => cache.mset(Object.entries({ a: 1, b: 2 })) },
  { operation: 'removeItem', kind: 'write', run: (cache) => cache.removeItem('a') },
  { operation: 'removeItems', kind: 'write', run: (cache) => cache.removeItems(['a', 'b']) },
  { operation: 'increment', kind: 'write', run: (cache) => cache.increment('n') },
  { operation: 'decrement', kind: 'write', run: (cache) => cache.decrement('n') },
  { operation: 'setWithNx', kind: 'write', run: (cache) => cache.setWithNx('nx', 1) },
  { operation: 'removeIfEquals', kind: 'write', run: (cache) => cache.removeIfEquals('a', 1) },
  { operation: 'setTtlIfEquals', kind: 'write', run: (cache) => cache.setTtlIfEquals('a', 1, 10) },
  { operation: 'invalidateTags', kind: 'write', run: (cache) => cache.invalidateTags(['t']) },
  { operation: 'expireTags', kind: 'write', run: (cache) => cache.expireTags(['t']) },
  { operation: 'getOrLease', kind: 'write', run: (cache) => cache.getOrLease('lease') },
  { operation: 'fill', kind: 'write', run: (cache) => cache.fill(LEASE, 1) },
  { operation: 'renew', kind: 'write', run: (cache) => cache.renew(LEASE) },
  { operation: 'release', kind: 'write', run: (cache) => cache.release(LEASE) },
  { operation: 'expireItem', kind: 'write', run: (cache) => cache.expireItem('a') },
  { operation: 'cleanupExpired', kind: 'write', run: (cache) => cache.cleanupExpired() },
  { operation: 'clearPrefix', kind: 'write', run: (cache) => cache.clearPrefix('a') },
  { operation: 'clear', kind: 'write', run: (cache) => cache.clear() },
];

async function firstOf<T>(items: AsyncIterable<T>): Promise<T | undefined> {
  for await (const item of items) return item;
  return undefined;
}
