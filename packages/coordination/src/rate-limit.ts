/** What becomes of a hit, or would. */
export interface RateLimit {
  /** Whether the hit is within the limit. */
  readonly allowed: boolean;
  /** How many more are at this moment, 0 if none. */
  readonly remaining: number;
  /** How many seconds to wait until one may be, with a fraction; 0 if it is allowed. Round up for a `Retry-After` header. */
  readonly retryAfterInSeconds: number;
}
