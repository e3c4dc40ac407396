import { CacheOptionError, MAX_EXPIRATION_IN_SECONDS, validateKey } from '@cache/core';
import { FixedWindow } from './fixed-window.ts';
import type { RateLimit } from './rate-limit.ts';
import type { RateLimitAlgorithm } from './rate-limit-algorithm.ts';
import type { RateLimitStore } from './rate-limit-store.ts';
import { SlidingWindow } from './sliding-window.ts';
import { StoreClock } from './store-clock.ts';
import { systemTimers, type Timers } from './timers.ts';
import { validateStore } from './validate-store.ts';

/** What a {@link RateLimiter} allows. */
export interface RateLimiterOptions {
  /** How many hits are allowed in a window: a whole number over 0. */
  readonly limit: number;
  /** The length of a window in seconds. */
  readonly windowInSeconds: number;
  /**
   * `'fixed-window'`: `limit` from the first hit on for as long as the window; across its end twice as many may come close
   * together. `'sliding-window'`: the window before counts for the part of it that a window ending now would still cover.
   * @default 'fixed-window'
   */
  readonly algorithm?: 'fixed-window' | 'sliding-window';
  /**
   * What the keys of its counters begin with: limiters of one name, algorithm and window count together.
   * @default 'rate-limit'
   */
  readonly name?: string;
  /**
   * Monotonic milliseconds, for the sliding window between two looks at the store's clock.
   * @default the process's own
   */
  readonly timers?: Pick<Timers, 'now'>;
}

const CALLS: readonly (keyof RateLimitStore)[] = ['increment', 'decrement', 'setWithNx', 'getTtl', 'get', 'removeItem'];
const BACKEND = 'coordination';
const WHERE = { operation: 'rateLimit', backend: BACKEND } as const;

/**
 * Counts hits by key, and says which are within the limit: one round trip a hit, whatever is running at the same time
 * in other processes.
 *
 * ```ts
 * const limiter = new RateLimiter(cache, { limit: 100, windowInSeconds: 60 });
 * const { allowed, retryAfterInSeconds } = await limiter.hit(`user:${id}`);
 * if (!allowed) response.status(429).header('Retry-After', Math.ceil(retryAfterInSeconds));
 * ```
 *
 * Every call rejects as the cache does when its server fails: whether to let hits through then is yours to decide.
 *
 * @throws CacheOptionError from the constructor for an option that is wrong, named in the message
 */
export class RateLimiter {
  readonly #limit: number;
  readonly #algorithm: RateLimitAlgorithm;

  constructor(cache: RateLimitStore, options: RateLimiterOptions) {
    validateStore(cache, CALLS, 'new RateLimiter(cache, options)', WHERE);
    if (typeof options !== 'object' || options === null)
      throw wrong('RateLimiter takes options with a limit and its window: { limit: 100, windowInSeconds: 60 }.');
    const { limit, windowInSeconds, algorithm = 'fixed-window', name = 'rate-limit', timers = systemTimers } = options;
    if (!Number.isSafeInteger(limit) || limit < 1) throw wrong('limit is a whole number over 0.');
    if (
      !(typeof windowInSeconds === 'number' && windowInSeconds > 0 && 2 * windowInSeconds <= MAX_EXPIRATION_IN_SECONDS)
    ) {
      throw wrong('windowInSeconds is a number of seconds over 0 and up to fifty years.');
    }
    if (typeof timers?.now !== 'function') throw wrong('timers is an object with now().');
    validateKey(name, WHERE);
    const settings = { name, limit, windowInSeconds };
    if (algorithm === 'fixed-window') this.#algorithm = new FixedWindow(cache, settings);
    else if (algorithm === 'sliding-window') {
      this.#algorithm = new SlidingWindow(cache, settings, new StoreClock(cache, `${name}:clock`, timers));
    } else throw wrong("algorithm is 'fixed-window' or 'sliding-window'.");
    this.#limit = limit;
  }

  /**
   * Counts one hit, or several at once, and says whether they are allowed: all of them or none.
   *
   * @throws CacheOptionError for anything but a whole number of hits from 1 to the limit
   */
  async hit(key: string, hits = 1): Promise<RateLimit> {
    validateKey(key, { operation: 'hit', backend: BACKEND });
    if (!Number.isSafeInteger(hits) || hits < 1 || hits > this.#limit) {
      throw wrong('hits is a whole number from 1 to the limit: more could never be allowed.');
    }
    return this.#algorithm.hit(key, hits);
  }

  /** What one hit would be answered now, `remaining` included, without counting it. */
  async peek(key: string): Promise<RateLimit> {
    validateKey(key, { operation: 'peek', backend: BACKEND });
    return this.#algorithm.peek(key);
  }

  /**
   * Forgets the hits of a key. Of hits that are under way some may count, and some be forgotten; those that a sliding window
   * is refusing at that moment may let as many others in.
   */
  async reset(key: string): Promise<void> {
    validateKey(key, { operation: 'reset', backend: BACKEND });
    await this.#algorithm.reset(key);
  }
}

function wrong(message: string): CacheOptionError {
  return new CacheOptionError(message, WHERE);
}
