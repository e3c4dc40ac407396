import { type Awaitable, CacheOptionError } from '@cache/core';
import type { Journal } from './journal.ts';
import type { StoreBackedOptions } from './store-backed-cache.ts';
import type { WriteBehindHooks } from './write-behind-hooks.ts';
import { nextWriteId } from './write-id.ts';
import type { WriteQueuePolicy } from './write-queue.ts';

/** How failed writes are repeated. */
export interface RetryOptions {
  /**
   * The pause after the first failure; it doubles with each one, and up to half of it is left off by chance.
   * @default 100
   */
  readonly minDelayMs?: number;
  /**
   * The longest pause.
   * @default 30,000
   */
  readonly maxDelayMs?: number;
  /**
   * How often a write fails by itself before it is poison. A store that is out of reach makes nothing poison.
   * @default 5
   */
  readonly maxAttempts?: number;
}

/** A write that the store keeps refusing. */
export interface PoisonWrite<V> {
  readonly key: string;
  readonly kind: 'write' | 'remove';
  /** What was to be written: data of the application, not fit for a log. */
  readonly value: V | undefined;
  readonly attempts: number;
  /** What the store threw last, unchanged. */
  readonly error: unknown;
}

/** A write that did not reach the store before `close` had to end. */
export interface UndrainedWrite<V> {
  readonly key: string;
  readonly kind: 'write' | 'remove';
  /** What was to be written: data of the application, not fit for a log. */
  readonly value: V | undefined;
}

/** How writes are queued. */
export interface WriteBehindOptions<V = unknown> extends StoreBackedOptions {
  /**
   * The most writes in one call of the store, or at a time where it takes one each.
   * @default 100
   */
  readonly maxBatch?: number;
  /**
   * How long a write waits for others to travel with.
   * @default 50
   */
  readonly maxDelayMs?: number;
  /**
   * The most writes that are queued, of one key at most one and one in flight. When they are that many, `set` waits.
   * @default 10,000
   */
  readonly maxQueue?: number;
  /**
   * How long `set` waits for room before it rejects with a CacheTimeoutError.
   * @default 5,000
   */
  readonly roomTimeoutMs?: number;
  /**
   * How failed writes are repeated.
   * @default see `RetryOptions`
   */
  readonly retry?: RetryOptions;
  /**
   * Takes over a write that the store keeps refusing; once it fulfils, within `storeTimeoutMs`, the write has left the queue.
   * @default none: it stays queued and is repeated every `retry.maxDelayMs`
   */
  readonly onPoison?: (write: PoisonWrite<V>) => Awaitable<unknown>;
  /**
   * Takes over what `close` could not bring to the store in time. `close` waits for it before it rejects, as long as it waits
   * for the store.
   * @default none: `close` rejects with the number of them
   */
  readonly onUndrained?: (writes: readonly UndrainedWrite<V>[]) => Awaitable<unknown>;
  /**
   * Keeps what is queued beyond the end of the process: `await FileJournal.open({ directory })`. Whoever opened it closes it.
   * @default none: a process that dies loses what is queued
   */
  readonly journal?: Journal<V>;
  /**
   * Told of flushes, retries and a full queue.
   * @default none
   */
  readonly hooks?: WriteBehindHooks;
  /**
   * Uniform in [0, 1), for tests.
   * @default Math.random
   */
  readonly random?: () => number;
}

const DEFAULT_ROOM_TIMEOUT_MS = 5_000;

/**
 * The options as the queue takes them.
 *
 * @throws CacheOptionError for one that is out of range
 */
export function writeQueuePolicyOf<V>(options: WriteBehindOptions<V>): WriteQueuePolicy {
  const { maxBatch = 100, maxDelayMs = 50, maxQueue = 10_000, retry = {}, random = Math.random } = options;
  const { minDelayMs = 100, maxDelayMs: maxRetryDelayMs = 30_000, maxAttempts = 5 } = retry;
  for (const [name, value] of Object.entries({ maxBatch, maxQueue, maxAttempts })) {
    if (!(Number.isSafeInteger(value) && value > 0)) refuse(`${name} is a whole number over 0.`);
  }
  for (const [name, value] of Object.entries({ maxDelayMs, minDelayMs, maxRetryDelayMs })) {
    if (!(Number.isFinite(value) && value >= 0)) refuse(`${name} is a number of at least 0.`);
  }
  for (const name of ['onPoison', 'onUndrained'] as const) {
    const handler: unknown = options[name];
    if (handler !== undefined && typeof handler !== 'function') refuse(`${name} is a function; got ${typeof handler}.`);
  }
  const journal = options.journal as Record<string, unknown> | undefined;
  const missing = ['replay', 'append', 'acknowledge'].find((call) => typeof journal?.[call] !== 'function');
  if (journal !== undefined && missing !== undefined) {
    refuse(`journal is what await FileJournal.open({ directory }) gives; this one has no ${missing}().`);
  }
  if (minDelayMs > maxRetryDelayMs) refuse('retry.minDelayMs is at most retry.maxDelayMs.');
  return {
    maxBatch,
    maxDelayMs,
    maxQueue,
    maxAttempts,
    minRetryDelayMs: minDelayMs,
    maxRetryDelayMs,
    isJournaled: options.journal !== undefined,
    canBury: options.onPoison !== undefined,
    nextId: nextWriteId,
    random,
  };
}

/** How long a write waits for room. @throws CacheOptionError */
export function roomTimeoutMsOf<V>({ roomTimeoutMs = DEFAULT_ROOM_TIMEOUT_MS }: WriteBehindOptions<V>): number {
  if (!(typeof roomTimeoutMs === 'number' && roomTimeoutMs >= 0)) refuse('roomTimeoutMs is a number of at least 0.');
  return roomTimeoutMs;
}

function refuse(message: string): never {
  throw new CacheOptionError(message, { backend: 'stack' });
}
