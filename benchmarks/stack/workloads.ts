/** What is asked of every contestant. */
export const WORKLOADS = [
  'get, hit in memory',
  'getOrSet, hit in memory',
  'getOrSet, hit in Redis',
  'getOrSet, cold miss',
] as const;
export type Workload = (typeof WORKLOADS)[number];

/** What one library took for one workload. */
export interface StackCell {
  readonly ns: number;
  readonly bytes?: number;
  /** True if it did not do what the others did: gave something else, or stored nothing in Redis before it answered. */
  readonly isOther?: boolean;
}

/** Items in memory. */
export const KEYS = 1_000;
/** Hits in memory that are measured, and as many before them. */
export const HITS = 200_000;
/** Reads of Redis that are measured. */
export const SHARED = 20_000;
/** So many of the kind that is measured go before: what a service runs all day is measured, not its first second. */
export const WARM_UP = 60_000;
/** Reads of Redis under way. */
export const CONCURRENCY = 32;
