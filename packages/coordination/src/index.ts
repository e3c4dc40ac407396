export { acquireLock } from './acquire-lock.ts';
export type { CacheLock, LockStore } from './cache-lock.ts';
export type { LockOptions } from './lock-options.ts';
export type { RateLimit } from './rate-limit.ts';
export type { RateLimitStore } from './rate-limit-store.ts';
export { RateLimiter, type RateLimiterOptions } from './rate-limiter.ts';
export type { Timers } from './timers.ts';
export { type LockedWork, withLock } from './with-lock.ts';
