import { type Awaitable, type CacheOperation, CacheTimeoutError } from '@cache/core';
import type { Store, StoreWriteContext } from './store.ts';
import type { Timers } from './timers.ts';

interface Running {
  readonly controller: AbortController;
  readonly fail: (error: unknown) => void;
}

/** How long a store has for a write. */
export interface StoreDeadline {
  /** After this time the write is given up, and its signal aborted. */
  readonly timeoutMs: number;
  /** So much longer the call waits for the store to say what became of it, so that nothing is sent after it too early. */
  readonly graceMs: number;
}

/** What else there is to a call. */
export interface StoreCall {
  /** Called when the store answers after the write was given up: it may have happened just now. */
  readonly onLate?: () => void;
  /** The numbers of the writes. */
  readonly versions?: ReadonlyMap<string, number>;
}

/** Writes to a store, each within its time. What the store throws reaches the caller unchanged. */
export class StoreCalls<V> {
  readonly #store: Store<V>;
  readonly #deadline: StoreDeadline;
  readonly #timers: Timers;
  readonly #running = new Set<Running>();

  constructor(store: Store<V>, deadline: StoreDeadline, timers: Timers) {
    this.#store = store;
    this.#deadline = deadline;
    this.#timers = timers;
  }

  write(key: string, value: NonNullable<V>, call?: StoreCall): Promise<void> {
    return this.#run('set', (context) => this.#store.write(key, value, context), call);
  }

  remove(key: string, call?: StoreCall): Promise<void> {
    return this.#run('removeItem', (context) => this.#store.remove(key, context), call);
  }

  /** In one call where the store has one for many, and `undefined` where it has not. */
  writeMany(entries: readonly (readonly [string, NonNullable<V>])[], call?: StoreCall): Promise<void> | undefined {
    const { writeMany } = this.#store;
    if (writeMany === undefined) return undefined;
    return this.#run('mset', (context) => writeMany.call(this.#store, entries, context), call);
  }

  /** As `writeMany`. */
  removeMany(keys: readonly string[], call?: StoreCall): Promise<void> | undefined {
    const { removeMany } = this.#store;
    if (removeMany === undefined) return undefined;
    return this.#run('removeItems', (context) => removeMany.call(this.#store, keys, context), call);
  }

  /** Runs something else within the same time. */
  within(operation: CacheOperation, work: () => Promise<unknown>): Promise<void> {
    return this.#run(operation, work);
  }

  /** Aborts what is under way, and waits for none of it. */
  abort(reason: Error): void {
    for (const { controller, fail } of this.#running) {
      fail(reason);
      controller.abort(reason);
    }
  }

  #run(
    operation: CacheOperation,
    call: (context: StoreWriteContext) => Awaitable<unknown>,
    { onLate, versions }: StoreCall = {},
  ): Promise<void> {
    const { timeoutMs, graceMs } = this.#deadline;
    const controller = new AbortController();
    return new Promise((resolve, reject) => {
      let isSettled = false;
      let timeout: CacheTimeoutError | undefined;
      const settle = (end: () => void): void => {
        if (isSettled) return;
        isSettled = true;
        cancel();
        this.#running.delete(running);
        end();
      };
      const running: Running = { controller, fail: (error) => settle(() => reject(error)) };
      const giveUp = (): void => {
        const error = new CacheTimeoutError(`The write was not carried out within ${timeoutMs} ms.`, {
          operation,
          backend: 'store',
          ambiguous: true,
        });
        timeout = error;
        if (graceMs === 0) running.fail(error);
        else cancel = this.#timers.after(graceMs, () => running.fail(error));
        controller.abort(error);
      };
      this.#running.add(running);
      let cancel = this.#timers.after(timeoutMs, giveUp);
      Promise.resolve()
        .then(() => call({ signal: controller.signal, versionOf: (key) => versions?.get(key) }))
        .finally(() => {
          if (isSettled) onLate?.();
        })
        .then(
          () => settle(resolve),
          // Cut off, a driver may say anything; what is known is that the outcome is not.
          (error: unknown) => running.fail(timeout ?? error),
        );
    });
  }
}
