import type { CacheOperation } from '@cache/core';

/** A call of the protocols. */
export type CacheCall = Exclude<CacheOperation, 'getOrSet' | 'getOrSetMany' | 'load'>;

/** Every call of the protocols that answers a value or a promise; `keys`, which answers an iterable, is apart. */
export const CACHE_CALLS: readonly Exclude<CacheCall, 'keys'>[] = [
  'get',
  'set',
  'removeItem',
  'exists',
  'clear',
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
  'clearPrefix',
  'inspect',
  'cleanupExpired',
  'ping',
  'close',
];
