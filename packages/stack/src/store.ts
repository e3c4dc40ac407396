import type { Awaitable } from '@cache/core';
import type { ManyLoader } from './batch-load.ts';
import type { LoadContext } from './get-or-set-options.ts';

/** What a store is told about a write. */
export interface StoreWriteContext {
  /**
   * Aborted when the write takes longer than `storeTimeoutMs`, or the cache is closed. Hand it to the driver, so that a write
   * that was given up is not carried out later, after newer ones.
   */
  readonly signal: AbortSignal;

  /**
   * The write's number, from a write-behind cache: of two writes of a key the later has the greater one. A network or a
   * server may carry out a write that was given up when newer ones are long done; a store that keeps the number and refuses
   * a smaller one is safe from that. Numbers come from the clock, and with a journal never go back even if the clock does.
   * `undefined` from a write-through cache.
   */
  versionOf(key: string): number | undefined;
}

/**
 * Where the truth is: a database, a service. Writes are idempotent (an upsert, a delete): after a lost answer, a restart or
 * a split batch the same write comes again, and never an older one after a newer one of the same key.
 *
 * A call that rejects says that its outcome is not known, unless the error tells that the store refused: by an SQLSTATE, by
 * `ECONNREFUSED`, or by a property `ambiguous` that is `false`.
 */
export interface Store<V = unknown> {
  /** The value, or `null` or `undefined` if there is none. */
  load(key: string, context: LoadContext<V>): Awaitable<V | null | undefined>;

  /**
   * Many values at once, for `mget`.
   * @default `load` for each key
   */
  loadMany?(...args: Parameters<ManyLoader<V>>): ReturnType<ManyLoader<V>>;

  /** Stores the value, whether there is one or not. */
  write(key: string, value: NonNullable<V>, context: StoreWriteContext): Awaitable<unknown>;

  /**
   * Stores many values, no key twice. If it rejects, any part of them may have been stored.
   * @default `write` for each
   */
  writeMany?(
    entries: readonly (readonly [key: string, value: NonNullable<V>])[],
    context: StoreWriteContext,
  ): Awaitable<unknown>;

  /** Removes the value, whether there is one or not. */
  remove(key: string, context: StoreWriteContext): Awaitable<unknown>;

  /**
   * Removes many values. If it rejects, any part of them may have been removed.
   * @default `remove` for each
   */
  removeMany?(keys: readonly string[], context: StoreWriteContext): Awaitable<unknown>;
}
