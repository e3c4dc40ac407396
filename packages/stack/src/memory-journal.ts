import type { Journal } from './journal.ts';
import type { QueuedWrite, WriteOperation } from './queued-write.ts';
import { nextWriteId } from './write-id.ts';

/**
 * A journal in memory: it outlives a cache, so that another one of the same process takes over what was not drained, and
 * dies with the process.
 */
export class MemoryJournal<V = unknown> implements Journal<V> {
  readonly #writes = new Map<string, QueuedWrite<V>>();
  #lastId = 0;

  /** Keys with a write that is not acknowledged. */
  get size(): number {
    return this.#writes.size;
  }

  replay(): readonly QueuedWrite<V>[] {
    return [...this.#writes.values()].sort((a, b) => a.id - b.id);
  }

  async append(key: string, operation: WriteOperation<V>): Promise<number> {
    this.#lastId = nextWriteId(this.#lastId);
    this.#writes.set(key, { key, operation, id: this.#lastId });
    return this.#lastId;
  }

  acknowledge(writes: readonly Pick<QueuedWrite<V>, 'key' | 'id'>[]): void {
    for (const { key, id } of writes) {
      if ((this.#writes.get(key)?.id ?? Number.POSITIVE_INFINITY) <= id) this.#writes.delete(key);
    }
  }
}
