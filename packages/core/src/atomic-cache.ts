import type { Awaitable } from './awaitable.ts';
import type { Expiration } from './expiration.ts';
import type { SetOptions } from './set-options.ts';

/** How a counter lives. */
export interface CounterOptions {
  /**
   * The counter's lifetime in seconds, or `null` for never. It applies only when the call creates the counter.
   * @default the cache's own default, 300 unless configured
   */
  readonly expirationInSeconds?: Expiration;
}

/** Calls that read and write in one step, whoever else is at the same key. */
export interface AtomicCache<V = unknown> {
  /**
   * Adds `amount` (1 unless given, an integer) to the counter, which starts at 0, and answers the sum.
   *
   * @param options the lifetime in seconds of a counter that the call creates, `null` for never, or a {@link CounterOptions}
   * @throws CacheValueError when what is stored, or the sum, is no safe integer: nothing is changed then
   */
  increment(key: string, amount?: number, options?: Expiration | CounterOptions): Awaitable<number>;

  /** Subtracts `amount` (1 unless given, an integer) and answers the difference. As `increment` otherwise. */
  decrement(key: string, amount?: number, options?: Expiration | CounterOptions): Awaitable<number>;

  /** Stores the value only if the key holds no live one. True if it was stored. */
  setWithNx(key: string, value: NonNullable<V>, options?: Expiration | SetOptions): Awaitable<boolean>;

  /** The seconds an item has left, `null` if it never expires, `undefined` if there is none. */
  getTtl(key: string): Awaitable<number | null | undefined>;

  /** Removes the item only if it holds this value, compared as stored. True if it was removed. */
  removeIfEquals(key: string, value: NonNullable<V>): Awaitable<boolean>;

  /**
   * Gives the item this lifetime from now on (seconds, `null` for never) only if it holds this value, compared as stored.
   * True if it did. Value, tags and the length of a stale window stay as they are.
   */
  setTtlIfEquals(key: string, value: NonNullable<V>, expirationInSeconds: Expiration): Awaitable<boolean>;
}
