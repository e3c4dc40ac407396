import {
  type CacheError,
  type CacheHooks,
  type CacheOperation,
  type CacheOutcome,
  createHookDispatcher,
  type HookDispatcher,
  OutageWarning,
} from '@cache/core';

/** Told when a call has ended well: reports to the hooks and says how it ended. */
export type Report<T> = (hooks: HookDispatcher, answer: T, durationMs: number) => CacheOutcome;

const done = (): CacheOutcome => 'done';

/** What a process hears of without hooks: the server's failures, not its own mistakes. */
const OUTAGES = new Set(['ERR_CACHE_TIMEOUT', 'ERR_CACHE_UNAVAILABLE', 'ERR_CACHE_OPTION']);

/** Measures calls for the hooks. Without hooks nothing is measured. */
export class CallObserver {
  readonly hooks: HookDispatcher | undefined;
  readonly #outage: OutageWarning | undefined;

  constructor(hooks: CacheHooks | readonly CacheHooks[] | undefined, name: string) {
    this.hooks = createHookDispatcher(hooks, { cache: name, backend: 'postgres' });
    this.#outage = this.hooks?.hears('onError') ? undefined : new OutageWarning(name);
  }

  /** Runs a call. What it throws, at once too, becomes a rejection. */
  run<T>(operation: CacheOperation, start: () => Promise<T>, report: Report<T> = done): Promise<T> {
    const { hooks } = this;
    if (hooks === undefined) {
      try {
        return start();
      } catch (error) {
        return Promise.reject(error);
      }
    }
    return this.#measured(hooks, operation, start, report);
  }

  /** Passes a listing on, and tells the hooks once how it ended; a caller who stops early is no failure. */
  async *iterate<T>(operation: CacheOperation, listing: AsyncIterable<T>): AsyncGenerator<T, void, undefined> {
    const { hooks } = this;
    const startedAt = performance.now();
    let outcome: CacheOutcome = 'done';
    try {
      yield* listing;
    } catch (error) {
      outcome = 'error';
      if (hasCacheCode(error)) hooks?.error(operation, error, performance.now() - startedAt);
      throw error;
    } finally {
      hooks?.operation(operation, outcome, performance.now() - startedAt);
    }
  }

  /** A statement failed at the server. */
  readonly onFailure = (error: CacheError): void => {
    if (OUTAGES.has(error.code)) this.#outage?.report(error);
  };

  /** Something was found damaged while a call went on as if it had found nothing. */
  onCorruption(operation: CacheOperation, error: CacheError): void {
    this.hooks?.error(operation, error, 0);
  }

  async #measured<T>(
    hooks: HookDispatcher,
    operation: CacheOperation,
    start: () => Promise<T>,
    report: Report<T>,
  ): Promise<T> {
    const startedAt = performance.now();
    try {
      const answer = await start();
      const durationMs = performance.now() - startedAt;
      hooks.operation(operation, report(hooks, answer, durationMs), durationMs);
      return answer;
    } catch (error) {
      const durationMs = performance.now() - startedAt;
      hooks.error(operation, error as CacheError, durationMs);
      hooks.operation(operation, 'error', durationMs);
      throw error;
    }
  }
}

/** A signal's reason is the caller's own, and no failure of the cache. */
function hasCacheCode(error: unknown): error is CacheError {
  const code = typeof error === 'object' && error !== null ? (error as { code?: unknown }).code : undefined;
  return typeof code === 'string' && code.startsWith('ERR_CACHE_');
}
