import { type CacheErrorContext, CacheOptionError, type Interruptible } from '@cache/core';
import { BACKEND } from './backend.ts';
import type { CacheCalls } from './cache-calls.ts';
import type { CacheParts } from './cache-parts.ts';
import type { CallObserver } from './call-observer.ts';
import { done } from './call-report.ts';
import { clearKeys } from './clear-keys.ts';
import { listKeys } from './list-keys.ts';

/** The calls on everything under a prefix. */
export class CachePrefixes {
  readonly #calls: CacheCalls;
  readonly #parts: CacheParts;
  readonly #observer: CallObserver | undefined;
  readonly #allowClearAll: boolean;

  /** @param allowClearAll lets `clear` remove every key of the database */
  constructor(calls: CacheCalls, allowClearAll: boolean) {
    this.#calls = calls;
    this.#parts = calls.parts;
    this.#observer = calls.observer;
    this.#allowClearAll = allowClearAll;
  }

  keys(prefix: string, options?: Interruptible): AsyncIterable<string> {
    const listing = this.#keys(prefix, options?.signal);
    return this.#observer === undefined ? listing : this.#observer.iterate('keys', listing);
  }

  clear(operation: 'clear' | 'clearPrefix', prefix: string, options: Interruptible | undefined): Promise<void> {
    const signal = options?.signal;
    const work = async (context: CacheErrorContext): Promise<void> => {
      const { keys, bus } = this.#parts;
      const keyPrefix = keys.keyPrefix(prefix, context);
      if (keys.prefix === '' && keyPrefix === '' && !this.#allowClearAll) {
        throw new CacheOptionError(
          'clear() without a prefix would remove every key of the database: set prefix, or allowClearAll: true.',
          context,
        );
      }
      await clearKeys(this.#parts, { operation, isWrite: true, keyPrefix, signal });
      await bus?.publish([operation === 'clear' ? { kind: 'clear' } : { kind: 'clearPrefix', prefix: keyPrefix }]);
    };
    return this.#calls.run(operation, true, work, done, signal);
  }

  async *#keys(prefix: string, signal: AbortSignal | undefined): AsyncGenerator<string> {
    this.#calls.ensureOpen('keys');
    const keyPrefix = this.#parts.keys.keyPrefix(prefix, { operation: 'keys', backend: BACKEND });
    for await (const key of listKeys(this.#parts, keyPrefix, signal)) {
      yield key;
      this.#calls.ensureOpen('keys');
    }
  }
}
