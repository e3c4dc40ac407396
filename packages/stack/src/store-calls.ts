import { type Awaitable, type CacheOperation, CacheTimeoutError } from '@cache/core';
import type { Store, StoreWriteContext } from './store.ts';
import type { Timers } from './timers.ts';

/** Writes to a store, each within its time. What the store throws reaches the caller unchanged. */
export class StoreCalls<V> {
  readonly #store: Store<V>;
  readonly #timeoutMs: number;
  readonly #timers: Timers;
  readonly #running = new Set<AbortController>();

  constructor(store: Store<V>, timeoutMs: number, timers: Timers) {
    this.#store = store;
    this.#timeoutMs = timeoutMs;
    this.#timers = timers;
  }

  /** @param onLate called when the store answers after the write was given up: it may have happened just now */
  write(key: string, value: NonNullable<V>, onLate?: () => void): Promise<void> {
    return this.#run('set', (context) => this.#store.write(key, value, context), onLate);
  }

  remove(key: string, onLate?: () => void): Promise<void> {
    return this.#run('removeItem', (context) => this.#store.remove(key, context), onLate);
  }

  /** In one call where the store has one for many, and `undefined` where it has not. */
  writeMany(entries: readonly (readonly [string, NonNullable<V>])[], onLate?: () => void): Promise<void> | undefined {
    const { writeMany } = this.#store;
    if (writeMany === undefined) return undefined;
    return this.#run('mset', (context) => writeMany.call(this.#store, entries, context), onLate);
  }

  /** As `writeMany`. */
  removeMany(keys: readonly string[], onLate?: () => void): Promise<void> | undefined {
    const { removeMany } = this.#store;
    if (removeMany === undefined) return undefined;
    return this.#run('removeItems', (context) => removeMany.call(this.#store, keys, context), onLate);
  }

  /** Runs something else within the same time. */
  within(operation: CacheOperation, work: () => Promise<unknown>): Promise<void> {
    return this.#run(operation, work, undefined);
  }

  /** Aborts what is under way. */
  abort(reason: Error): void {
    for (const controller of this.#running) controller.abort(reason);
  }

  #run(
    operation: CacheOperation,
    call: (context: StoreWriteContext) => Awaitable<unknown>,
    onLate: (() => void) | undefined,
  ): Promise<void> {
    const controller = new AbortController();
    this.#running.add(controller);
    return new Promise((resolve, reject) => {
      let isSettled = false;
      const settle = (end: () => void): void => {
        if (isSettled) {
          onLate?.();
          return;
        }
        isSettled = true;
        cancel();
        this.#running.delete(controller);
        end();
      };
      const cancel = this.#timers.after(this.#timeoutMs, () => {
        const error = new CacheTimeoutError(`The write was not carried out within ${this.#timeoutMs} ms.`, {
          operation,
          backend: 'store',
          ambiguous: true,
        });
        settle(() => reject(error));
        controller.abort(error);
      });
      Promise.resolve()
        .then(() => call({ signal: controller.signal }))
        .then(
          () => settle(resolve),
          (error: unknown) => settle(() => reject(error)),
        );
    });
  }
}
