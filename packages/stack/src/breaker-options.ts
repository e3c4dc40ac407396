import { CacheOptionError } from '@cache/core';

/** When the second level is left alone, and for how long. */
export interface BreakerOptions {
  /**
   * Leave it alone after so many calls in a row that it did not answer. An invalidation that it did not acknowledge is enough
   * by itself: it must not be read before that is carried out.
   * @default 5
   */
  readonly failureThreshold?: number;
  /**
   * How long it is left alone at first. Each pause is twice as long as the one before, and shortened by up to half at random.
   * The time of the attempt before it counts.
   * @default 100
   */
  readonly firstPauseMs?: number;
  /**
   * The longest pause. Its return goes unnoticed no longer than this, or than one attempt takes: for `RedisCache` and
   * `DatabaseCache` less than a second, for a third party's cache `l2TimeoutMs`.
   * @default 1,000
   */
  readonly maxPauseMs?: number;
}

/** Every option with its value. */
export type ResolvedBreakerOptions = Required<BreakerOptions>;

const DEFAULTS: ResolvedBreakerOptions = { failureThreshold: 5, firstPauseMs: 100, maxPauseMs: 1_000 };

/** @throws CacheOptionError for one that is out of range */
export function resolveBreakerOptions(options: BreakerOptions = {}): ResolvedBreakerOptions {
  const resolved: ResolvedBreakerOptions = {
    failureThreshold: options.failureThreshold ?? DEFAULTS.failureThreshold,
    firstPauseMs: options.firstPauseMs ?? DEFAULTS.firstPauseMs,
    maxPauseMs: options.maxPauseMs ?? Math.max(DEFAULTS.maxPauseMs, options.firstPauseMs ?? 0),
  };
  for (const [name, value] of Object.entries(resolved)) {
    if (!(typeof value === 'number' && Number.isFinite(value) && value > 0)) {
      throw new CacheOptionError(`breaker.${name} is a finite number over 0.`, { backend: 'stack' });
    }
  }
  if (!Number.isInteger(resolved.failureThreshold)) {
    throw new CacheOptionError('breaker.failureThreshold is a whole number.', { backend: 'stack' });
  }
  if (resolved.firstPauseMs > resolved.maxPauseMs) {
    throw new CacheOptionError('breaker.firstPauseMs is at most breaker.maxPauseMs.', { backend: 'stack' });
  }
  return resolved;
}
