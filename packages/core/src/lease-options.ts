import { type CacheErrorContext, CacheOptionError } from './cache-error.ts';
import { MAX_EXPIRATION_IN_SECONDS } from './expiration.ts';
import { DEFAULT_LEASE_IN_SECONDS, type FillOptions, type LeaseOptions } from './leasing-cache.ts';

/**
 * How long the lease asked for is good for.
 *
 * @throws CacheOptionError for anything but a finite number of seconds over 0 and up to a hundred years
 */
export function leaseInSecondsOf(options: LeaseOptions | undefined, context?: CacheErrorContext): number {
  const seconds = options?.leaseInSeconds === undefined ? DEFAULT_LEASE_IN_SECONDS : options.leaseInSeconds;
  if (typeof seconds === 'number' && seconds > 0 && seconds <= MAX_EXPIRATION_IN_SECONDS) return seconds;
  throw new CacheOptionError('leaseInSeconds is a number of seconds over 0 and up to a hundred years.', context);
}

/**
 * The stale window asked for, or `undefined` when nothing was said.
 *
 * @throws CacheOptionError for anything but a finite number of seconds from 0 to a hundred years
 */
export function staleInSecondsOf(
  options: LeaseOptions | FillOptions | undefined,
  context?: CacheErrorContext,
): number | undefined {
  const seconds = options?.staleInSeconds;
  if (seconds === undefined) return undefined;
  if (typeof seconds === 'number' && seconds >= 0 && seconds <= MAX_EXPIRATION_IN_SECONDS) return seconds;
  throw new CacheOptionError('staleInSeconds is a number of seconds from 0 to a hundred years.', context);
}

/**
 * The load's duration told to `fill`, or `undefined` when nothing was said.
 *
 * @throws CacheOptionError for anything but a finite number of milliseconds, 0 or more
 */
export function loadDurationMsOf(options: FillOptions | undefined, context?: CacheErrorContext): number | undefined {
  const duration = options?.loadDurationMs;
  if (duration === undefined) return undefined;
  if (typeof duration === 'number' && duration >= 0 && Number.isFinite(duration)) return duration;
  throw new CacheOptionError('loadDurationMs is a finite number of milliseconds, 0 or more.', context);
}
