import { CacheOptionError, type Expiration, MAX_EXPIRATION_IN_SECONDS, validateExpiration } from '@cache/core';
import { systemTimers, type Timers } from './timers.ts';

/** How a lock is waited for and held. */
export interface LockOptions {
  /**
   * How long others wait after a holder died, in seconds; a holder that lives renews it at a third.
   * @default 10
   */
  readonly leaseInSeconds?: number;
  /**
   * How long to wait for a lock that somebody else holds, in milliseconds; 0: not at all, `Infinity`: as long as it takes.
   * @default 10,000
   */
  readonly waitTimeoutMs?: number;
  /**
   * The longest pause between two attempts, in milliseconds: what a waiter adds to the time that the lock is free.
   * @default 500
   */
  readonly maxRetryDelayMs?: number;
  /**
   * How long the counter behind the fencing numbers of a key is kept, in seconds from its creation; `null`: for ever. When
   * it ends, the numbers start again at 1: let it outlive every store that remembers one.
   * @default null
   */
  readonly fenceExpirationInSeconds?: Expiration;
  /**
   * Ends the waiting: the call rejects with the signal's reason, and takes no lock.
   * @default none
   */
  readonly signal?: AbortSignal;
  /**
   * Time as the lock sees it.
   * @default the process's own
   */
  readonly timers?: Timers;
  /**
   * Uniform in [0, 1): for the pauses between attempts.
   * @default Math.random
   */
  readonly random?: () => number;
}

/** Options with every default filled in. */
export type ResolvedLockOptions = Required<Omit<LockOptions, 'signal'>> & Pick<LockOptions, 'signal'>;

const CONTEXT = { operation: 'acquireLock', backend: 'coordination' } as const;

/** @throws CacheOptionError naming the option that is wrong */
export function resolveLockOptions(options: LockOptions): ResolvedLockOptions {
  if (typeof options !== 'object' || options === null) throw wrong('options are an object: see LockOptions.');
  const {
    leaseInSeconds = 10,
    waitTimeoutMs = 10_000,
    maxRetryDelayMs = 500,
    fenceExpirationInSeconds = null,
  } = options;
  ensure('leaseInSeconds', leaseInSeconds, leaseInSeconds > 0 && leaseInSeconds <= MAX_EXPIRATION_IN_SECONDS);
  ensure('waitTimeoutMs', waitTimeoutMs, waitTimeoutMs >= 0);
  ensure('maxRetryDelayMs', maxRetryDelayMs, maxRetryDelayMs > 0 && Number.isFinite(maxRetryDelayMs));
  validateExpiration(fenceExpirationInSeconds, CONTEXT);
  const { timers = systemTimers, random = Math.random, signal } = options;
  const hasAll = [timers?.now, timers?.after, timers?.afterUnlessIdle].every((call) => typeof call === 'function');
  if (!hasAll) throw wrong('timers is an object with now(), after() and afterUnlessIdle().');
  if (typeof random !== 'function')
    throw wrong('random is a function that gives numbers from 0 to 1, such as Math.random.');
  if (signal !== undefined && typeof signal?.throwIfAborted !== 'function')
    throw wrong('signal is an AbortSignal, such as AbortSignal.timeout(5_000).');
  const resolved = { leaseInSeconds, waitTimeoutMs, maxRetryDelayMs, fenceExpirationInSeconds, timers, random };
  return signal === undefined ? resolved : { ...resolved, signal };
}

function ensure(name: string, value: unknown, isRight: boolean): void {
  if (typeof value === 'number' && isRight) return;
  const got = typeof value === 'number' ? value : typeof value;
  throw wrong(`${name} does not take ${got}: see LockOptions.`);
}

function wrong(message: string): CacheOptionError {
  return new CacheOptionError(message, CONTEXT);
}
