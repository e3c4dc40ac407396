import type { CounterOptions, Expiration, SetOptions } from '@cache/core';
import type { AtomicCalls } from './atomic-calls.ts';
import type { CallObserver } from './call-observer.ts';

/** {@link AtomicCalls}, each of which the hooks hear of. */
export class ObservedAtomicCalls {
  readonly #calls: AtomicCalls;
  readonly #observer: CallObserver;

  constructor(calls: AtomicCalls, observer: CallObserver) {
    this.#calls = calls;
    this.#observer = observer;
  }

  count(
    operation: 'increment' | 'decrement',
    key: string,
    amount: number,
    options: Expiration | CounterOptions | undefined,
  ): Promise<number> {
    return this.#observer.run(
      operation,
      () => this.#calls.count(operation, key, amount, options),
      (hooks, _sum, durationMs) => {
        hooks.set(operation, key, durationMs);
        return 'done';
      },
    );
  }

  setWithNx(key: string, value: unknown, options: Expiration | SetOptions | undefined): Promise<boolean> {
    let size = 0;
    const onBytes = (bytes: number): void => {
      size = bytes;
    };
    return this.#observer.run(
      'setWithNx',
      () => this.#calls.setWithNx(key, value, options, onBytes),
      (hooks, isStored, durationMs) => {
        if (isStored) hooks.set('setWithNx', key, durationMs, size);
        return 'done';
      },
    );
  }

  getTtl(key: string): Promise<number | null | undefined> {
    return this.#observer.run('getTtl', () => this.#calls.getTtl(key));
  }

  removeIfEquals(key: string, value: unknown): Promise<boolean> {
    return this.#observer.run(
      'removeIfEquals',
      () => this.#calls.removeIfEquals(key, value),
      (hooks, isRemoved, durationMs) => {
        if (isRemoved) hooks.remove('removeIfEquals', key, durationMs);
        return 'done';
      },
    );
  }

  setTtlIfEquals(key: string, value: unknown, expirationInSeconds: Expiration): Promise<boolean> {
    return this.#observer.run('setTtlIfEquals', () => this.#calls.setTtlIfEquals(key, value, expirationInSeconds));
  }
}
