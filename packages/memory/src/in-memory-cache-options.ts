import {
  type CacheHooks,
  CacheOptionError,
  DEFAULT_EXPIRATION_IN_SECONDS,
  type Expiration,
  type KeyTransformer,
  validateExpiration,
} from '@cache/core';
import type { MonotonicClock } from './burst-clock.ts';
import type { Isolation } from './isolation.ts';

/** Items held unless `maxSize` says otherwise. A cache without a bound is a leak. */
export const DEFAULT_MAX_SIZE = 1000;

/** Half of what V8 lets an array hold without turning it into a dictionary. */
const LARGEST_MAX_SIZE = 2 ** 24;

/** How an `InMemoryCache` is made. */
export interface InMemoryCacheOptions<V = unknown> {
  /**
   * The most items held, from 1 to 16,777,216.
   * @default 1000, or 16,777,216 when `maxBytes` is set
   */
  readonly maxSize?: number;
  /**
   * The most bytes held, as `sizeOf` counts them. A value larger than all of it is not stored, and what its key held goes.
   * @default none
   */
  readonly maxBytes?: number;
  /**
   * The size of an item in bytes: finite, 0 or more, and quick, since it is called for every write. Required with `maxBytes`.
   * @default none
   */
  readonly sizeOf?: (value: V, key: string) => number;
  /**
   * The lifetime of an item stored without one, in seconds; `null` for never.
   * @default 300
   */
  readonly defaultExpirationInSeconds?: Expiration;
  /**
   * Whether callers share the stored object (`'reference'`), get copies (`'clone'`), or share it frozen (`'freeze'`).
   * @default 'reference'
   */
  readonly isolation?: Isolation;
  /**
   * Sweep expired items this often, in seconds. The timer keeps no process and no cache alive. Without one, expired items go when they
   * are read or when room is needed.
   * @default none
   */
  readonly cleanupIntervalInSeconds?: number;
  /**
   * Milliseconds from any origin that never go back, read exactly at each call.
   * @default `performance`, read at least once per 256 calls in a burst of thousands: see `docs/memory.md`
   */
  readonly clock?: MonotonicClock;
  /**
   * Told what happens; nothing is paid without.
   * @default none
   */
  readonly hooks?: CacheHooks | readonly CacheHooks[];
  /**
   * Turns each key into the one stored.
   * @default none
   */
  readonly keyTransformer?: KeyTransformer;
  /**
   * The cache's name in hooks and statistics.
   * @default 'memory'
   */
  readonly name?: string;
}

/** Options with every default filled in. */
export interface ResolvedOptions<V> {
  readonly maxSize: number;
  readonly maxBytes: number | undefined;
  readonly sizeOf: ((value: V, key: string) => number) | undefined;
  readonly defaultExpirationInSeconds: Expiration;
  readonly isolation: Isolation;
  readonly cleanupIntervalInSeconds: number | undefined;
  readonly clock: MonotonicClock | undefined;
  readonly hooks: CacheHooks | readonly CacheHooks[] | undefined;
  readonly keyTransformer: KeyTransformer | undefined;
  readonly name: string;
}

/**
 * Checks the options and fills in what was not said.
 *
 * @throws CacheOptionError naming the option that is wrong
 */
export function resolveOptions<V>(options: InMemoryCacheOptions<V>): ResolvedOptions<V> {
  check(typeof options === 'object' && options !== null, 'options are an object, such as { maxSize: 10_000 }');
  const { maxBytes, sizeOf, isolation = 'reference', cleanupIntervalInSeconds, clock, keyTransformer } = options;
  const maxSize = options.maxSize ?? (maxBytes === undefined ? DEFAULT_MAX_SIZE : LARGEST_MAX_SIZE);
  check(
    Number.isInteger(maxSize) && maxSize >= 1 && maxSize <= LARGEST_MAX_SIZE,
    `maxSize is a whole number from 1 to ${LARGEST_MAX_SIZE}`,
  );
  check(maxBytes === undefined || (Number.isFinite(maxBytes) && maxBytes > 0), 'maxBytes is a finite number over 0');
  check((maxBytes === undefined) === (sizeOf === undefined), 'maxBytes and sizeOf go together');
  check(sizeOf === undefined || typeof sizeOf === 'function', 'sizeOf is a function');
  check(['reference', 'clone', 'freeze'].includes(isolation), "isolation is 'reference', 'clone' or 'freeze'");
  check(clock === undefined || typeof clock.now === 'function', 'clock is an object with now()');
  check(options.name === undefined || typeof options.name === 'string', 'name is a string');
  check(keyTransformer === undefined || typeof keyTransformer === 'function', 'keyTransformer is a function');
  check(
    cleanupIntervalInSeconds === undefined ||
      (cleanupIntervalInSeconds > 0 && cleanupIntervalInSeconds <= LONGEST_TIMER_IN_SECONDS),
    `cleanupIntervalInSeconds is a number over 0 and up to ${LONGEST_TIMER_IN_SECONDS}`,
  );
  return {
    maxSize,
    maxBytes,
    sizeOf,
    isolation,
    cleanupIntervalInSeconds,
    clock,
    keyTransformer,
    hooks: options.hooks,
    name: options.name ?? 'memory',
    defaultExpirationInSeconds: validateExpiration(
      options.defaultExpirationInSeconds === undefined
        ? DEFAULT_EXPIRATION_IN_SECONDS
        : options.defaultExpirationInSeconds,
    ),
  };
}

/** What a Node timer can wait: 2^31 − 1 ms. */
const LONGEST_TIMER_IN_SECONDS = 2_147_483;

function check(holds: boolean, rule: string): void {
  if (!holds) throw new CacheOptionError(`${rule}.`, { operation: 'new InMemoryCache', backend: 'memory' });
}
