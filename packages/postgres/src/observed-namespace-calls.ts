import type { CleanupOptions, Interruptible } from '@cache/core';
import type { CallObserver } from './call-observer.ts';
import type { NamespaceCalls } from './namespace-calls.ts';

/** {@link NamespaceCalls}, each of which the hooks hear of. */
export class ObservedNamespaceCalls {
  readonly #calls: NamespaceCalls;
  readonly #observer: CallObserver;

  constructor(calls: NamespaceCalls, observer: CallObserver) {
    this.#calls = calls;
    this.#observer = observer;
  }

  clear(options: Interruptible): Promise<void> {
    return this.#observer.run('clear', () => this.#calls.clear(options));
  }

  clearPrefix(prefix: string, options: Interruptible): Promise<void> {
    return this.#observer.run('clearPrefix', () => this.#calls.clearPrefix(prefix, options));
  }

  invalidateTags(operation: 'invalidateTags' | 'expireTags', tags: readonly string[]): Promise<void> {
    return this.#observer.run(operation, () => this.#calls.invalidateTags(operation, tags));
  }

  keys(prefix: string, options: Interruptible): AsyncGenerator<string, void, undefined> {
    return this.#observer.iterate('keys', this.#calls.keys(prefix, options));
  }

  cleanupExpired(options: CleanupOptions): Promise<number> {
    return this.#observer.run('cleanupExpired', () => this.#calls.cleanupExpired(options));
  }

  ping(): Promise<number> {
    return this.#observer.run('ping', () => this.#calls.ping());
  }

  /** Carries out in the background what transactions logged. */
  applySoon(): void {
    this.#calls.applySoon();
  }

  /** Nothing is carried out in the background any more. */
  close(): void {
    this.#calls.close();
  }
}
