import type { AtomicCache, Awaitable } from '@cache/core';

/** The calls of a cache that a rate limiter is made of: every cache that is an `AtomicCache` has them. */
export interface RateLimitStore extends Pick<AtomicCache, 'increment' | 'decrement' | 'setWithNx' | 'getTtl'> {
  get(key: string): Awaitable<unknown>;
  removeItem(key: string): Awaitable<boolean>;
}

/** What is read where a counter is or may be. */
export function countOf(value: unknown): number {
  return typeof value === 'number' ? value : 0;
}
