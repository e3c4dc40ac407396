import type { QueuedWrite, WriteOperation } from './queued-write.ts';
import type { StoreFailure } from './store-failure.ts';

/** Writes that shared one call of the store, and how that ended; `untold`: in the store, but the cache could not be told. */
export interface FlushResult {
  readonly keys: readonly string[];
  readonly outcome: 'done' | 'untold' | StoreFailure;
  readonly error?: unknown;
}

/** Why a write is repeated. */
export type RetryReason = Exclude<FlushResult['outcome'], 'done'>;

/** What happened. */
export type WriteQueueEvent<V> =
  | { readonly type: 'offered'; readonly ticket: number; readonly key: string; readonly operation: WriteOperation<V> }
  | { readonly type: 'withdrawn'; readonly ticket: number }
  | { readonly type: 'journaled'; readonly ticket: number; readonly id: number }
  | { readonly type: 'notJournaled'; readonly ticket: number }
  | { readonly type: 'replayed'; readonly writes: readonly QueuedWrite<V>[] }
  | { readonly type: 'flushed'; readonly results: readonly FlushResult[] }
  | { readonly type: 'buried'; readonly key: string }
  | { readonly type: 'notBuried'; readonly key: string }
  | { readonly type: 'due' }
  | { readonly type: 'draining'; readonly isDraining: boolean };

/** What is to be done about it, in this order. */
export type WriteQueueCommand<V> =
  | { readonly do: 'journal'; readonly ticket: number; readonly key: string; readonly operation: WriteOperation<V> }
  | { readonly do: 'accept'; readonly ticket: number }
  | { readonly do: 'refuse'; readonly ticket: number }
  | { readonly do: 'flush'; readonly writes: readonly PendingWrite<V>[] }
  | { readonly do: 'acknowledge'; readonly writes: readonly QueuedWrite<V>[] }
  | { readonly do: 'bury'; readonly write: PendingWrite<V>; readonly error: unknown }
  | {
      readonly do: 'retry';
      readonly count: number;
      readonly delayMs: number;
      readonly reason: RetryReason;
      readonly error: unknown;
    }
  | { readonly do: 'wake'; readonly inMs: number };

/** A write with what became of it so far. */
export interface PendingWrite<V> extends QueuedWrite<V> {
  /** How often it failed by itself. */
  readonly attempts: number;
  /** True if the store has it, and only the cache is still to be told. */
  readonly isStored: boolean;
}
