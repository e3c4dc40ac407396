export type { MonotonicClock } from './burst-clock.ts';
export { InMemoryCache } from './in-memory-cache.ts';
export { DEFAULT_MAX_SIZE, type InMemoryCacheOptions } from './in-memory-cache-options.ts';
export type { Isolation } from './isolation.ts';
