import type { RateLimit } from './rate-limit.ts';

/** How hits are counted. */
export interface RateLimitAlgorithm {
  /** Counts `hits` at once. */
  hit(key: string, hits: number): Promise<RateLimit>;
  /** What one hit would be answered, without counting it. */
  peek(key: string): Promise<RateLimit>;
  /** Forgets what was counted. */
  reset(key: string): Promise<void>;
}

/** What every algorithm must know. */
export interface RateLimitSettings {
  readonly name: string;
  readonly limit: number;
  readonly windowInSeconds: number;
}
