import type { Awaitable } from '@cache/core';
import type { QueuedWrite, WriteOperation } from './queued-write.ts';

/**
 * Remembers what is queued for the store, so that a process that dies loses nothing. A journal belongs to one queue at a
 * time. Whoever opened it closes it, after the cache.
 */
export interface Journal<V = unknown> {
  /** What is in it and not acknowledged, the oldest first: at least the newest write of each key. Asked once, at the start. */
  replay(): readonly QueuedWrite<V>[];

  /**
   * Fulfils with the write's number once it is kept: greater than all before, those of earlier processes included. Appends of
   * one key settle in the order of the calls.
   *
   * @throws CacheValueError for a value that it cannot hold, CacheUnavailableError when it cannot be kept: then the write is
   * not queued
   */
  append(key: string, operation: WriteOperation<V>): Promise<number>;

  /** This write of its key, and every older one, is done. What is lost of that is only done again. */
  acknowledge(writes: readonly Pick<QueuedWrite<V>, 'key' | 'id'>[]): Awaitable<void>;
}
