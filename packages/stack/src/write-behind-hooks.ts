import { type CacheError, CacheUnavailableError, OutageWarning, type RedactedCause, redactedCause } from '@cache/core';
import { counted } from './counted.ts';
import type { StoreFailure } from './store-failure.ts';
import type { Timers } from './timers.ts';

/** A batch was carried out, well or not. */
export interface FlushEvent {
  /** Writes in the batch. */
  readonly count: number;
  /** How many of them are to be repeated, or were given up. */
  readonly failedCount: number;
  readonly durationMs: number;
  /** Writes that are queued now. */
  readonly depth: number;
}

/** Writes failed and are to be repeated. */
export interface RetryEvent {
  readonly count: number;
  readonly delayMs: number;
  /** `untold`: the store has them, and the cache could not be told. */
  readonly reason: StoreFailure | 'untold';
  /** The store's error without its message. */
  readonly cause: RedactedCause;
  readonly depth: number;
}

/** There is no room for a write, which now waits. */
export interface FullEvent {
  readonly depth: number;
  /** Writes that wait for room. */
  readonly waiting: number;
}

/** Told what a write-behind cache does. No event carries a value; one that throws harms nobody. */
export interface WriteBehindHooks {
  onFlush?(event: FlushEvent): void;
  /** Where it is missing, `onError` hears of a retry. */
  onRetry?(event: RetryEvent): void;
  onFull?(event: FullEvent): void;
  /**
   * Something failed that no caller hears of: the store, a journal's acknowledgement, the handler of poison writes. Set it,
   * and such failures no longer show up as process warnings.
   */
  onError?(error: CacheError): void;
}

/** Calls the hooks, and keeps what they throw away from the cache. */
export class WriteBehindReporter {
  readonly #hooks: WriteBehindHooks;
  readonly #warning: OutageWarning;
  #hasWarned = false;

  constructor(hooks: WriteBehindHooks, timers: Timers) {
    this.#hooks = hooks;
    this.#warning = new OutageWarning('write-behind', () => timers.now());
  }

  flushed(event: FlushEvent): void {
    this.#guard(() => this.#hooks.onFlush?.(event));
  }

  retried(event: Omit<RetryEvent, 'cause'>, error: unknown): void {
    if (this.#hooks.onRetry !== undefined) {
      this.#guard(() => this.#hooks.onRetry?.({ ...event, cause: redactedCause(error) }));
    } else {
      const what = event.reason === 'untold' ? 'The cache' : 'The store';
      const message = `${what} failed, and ${counted(event.count, 'queued write')} ${event.count === 1 ? 'is' : 'are'} repeated.`;
      const cause = redactedCause(error);
      this.failed(new CacheUnavailableError(message, { operation: 'set', backend: 'store', queued: true, cause }));
    }
  }

  full(event: FullEvent): void {
    this.#guard(() => this.#hooks.onFull?.(event));
  }

  failed(error: CacheError): void {
    if (this.#hooks.onError === undefined) this.#warning.report(error);
    else this.#guard(() => this.#hooks.onError?.(error));
  }

  #guard(tell: () => unknown): void {
    try {
      const answer = tell();
      // An async function fits a hook's type, and its rejection would be nobody's.
      if (typeof answer === 'object' && answer !== null) Promise.resolve(answer).catch(() => this.#warn());
    } catch {
      this.#warn();
    }
  }

  #warn(): void {
    if (this.#hasWarned) return;
    this.#hasWarned = true;
    process.emitWarning('A hook of a write-behind cache failed; the cache is unaffected.', {
      code: 'CACHE_HOOK_FAILED',
    });
  }
}
