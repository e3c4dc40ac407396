import type { CachedCopies, SettledWrite } from './cached-copies.ts';
import type { StoreCalls } from './store-calls.ts';
import { isQueued } from './store-error.ts';
import { storeFailureOf } from './store-failure.ts';
import type { FlushResult, PendingWrite } from './write-queue-events.ts';

/** Brings a batch to the store, and then tells the cache. */
export class WriteFlusher<V> {
  readonly #calls: StoreCalls<V>;
  readonly #copies: CachedCopies<V>;

  constructor(calls: StoreCalls<V>, copies: CachedCopies<V>) {
    this.#calls = calls;
    this.#copies = copies;
  }

  /** One result for the writes of each call: who shares a call shares its failure. Never rejects. */
  async flush(writes: readonly PendingWrite<V>[]): Promise<FlushResult[]> {
    const stored = writes.filter(({ isStored }) => isStored);
    const unstored = writes.filter(({ isStored }) => !isStored);
    const written = unstored.flatMap((write) => {
      const { operation } = write;
      return operation.kind === 'write' ? [{ write, value: operation.value as NonNullable<V> }] : [];
    });
    const removed = unstored.filter(({ operation }) => operation.kind === 'remove');
    const call = { versions: new Map(unstored.map(({ key, id }) => [key, id])) };
    const entries = written.map(({ write, value }) => [write.key, value] as const);
    const many = entries.length < 2 ? undefined : this.#calls.writeMany(entries, call);
    const keys = removed.map(({ key }) => key);
    const removedMany = keys.length < 2 ? undefined : this.#calls.removeMany(keys, call);
    const calls: (readonly [readonly PendingWrite<V>[], Promise<void>])[] = [
      ...(many === undefined
        ? written.map(({ write, value }) => [[write], this.#calls.write(write.key, value, call)] as const)
        : [[written.map(({ write }) => write), many] as const]),
      ...(removedMany === undefined
        ? removed.map((write) => [[write], this.#calls.remove(write.key, call)] as const)
        : [[removed, removedMany] as const]),
      ...(stored.length === 0 ? [] : [[stored, Promise.resolve()] as const]),
    ];
    return this.#settle(await Promise.all(calls.map(([group, call]) => resultOf(group, call))), writes);
  }

  /** The writes that the store has end only when no old copy can be read any more. */
  async #settle(results: readonly FlushResult[], writes: readonly PendingWrite<V>[]): Promise<FlushResult[]> {
    const keys = new Set(results.flatMap((result) => (result.outcome === 'done' ? result.keys : [])));
    const settled = writes.filter(({ key }) => keys.has(key));
    if (settled.length === 0) return [...results];
    const outcome = await this.#calls
      .within('removeItems', () => this.#copies.settle(settled.map(settledWrite)))
      .then(
        () => undefined,
        (error: unknown) => (isQueued(error) ? undefined : { error }),
      );
    if (outcome === undefined) return [...results];
    return results.map((result) =>
      result.outcome === 'done' ? { keys: result.keys, outcome: 'untold', error: outcome.error } : result,
    );
  }
}

function settledWrite<V>({ key, operation }: PendingWrite<V>): SettledWrite<V> {
  if (operation.kind === 'remove' || operation.copy === undefined) return { key, copy: undefined };
  return { key, copy: { value: operation.value as NonNullable<V>, options: operation.copy } };
}

async function resultOf<V>(group: readonly PendingWrite<V>[], call: Promise<void>): Promise<FlushResult> {
  const keys = group.map(({ key }) => key);
  try {
    await call;
    return { keys, outcome: 'done' };
  } catch (error) {
    return { keys, outcome: storeFailureOf(error), error };
  }
}
