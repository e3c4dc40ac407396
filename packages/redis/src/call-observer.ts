import type { CacheOperation, CacheOutcome, HookDispatcher } from '@cache/core';
import { isCacheError } from './failures.ts';

/** Tells the hooks of calls. There is one only where there are hooks: without, nothing is measured. */
export class CallObserver {
  readonly #hooks: HookDispatcher;

  constructor(hooks: HookDispatcher) {
    this.#hooks = hooks;
  }

  /**
   * Runs a call and tells how it ended.
   *
   * @param outcome tells what happened to the keys, and how the call as a whole ended
   */
  async run<T>(
    operation: CacheOperation,
    call: () => Promise<T>,
    outcome: (answer: T, hooks: HookDispatcher, durationMs: number) => CacheOutcome,
  ): Promise<T> {
    const startedAt = performance.now();
    try {
      const answer = await call();
      const durationMs = performance.now() - startedAt;
      this.#hooks.operation(operation, outcome(answer, this.#hooks, durationMs), durationMs);
      return answer;
    } catch (error) {
      const durationMs = performance.now() - startedAt;
      // The reason of an aborted signal is the caller's own.
      if (isCacheError(error)) this.#hooks.error(operation, error, durationMs);
      this.#hooks.operation(operation, 'error', durationMs);
      throw error;
    }
  }

  /** As {@link run}, for a call with many answers: it ends with the last one, or when nobody asks for more. */
  async *iterate<T>(operation: CacheOperation, answers: AsyncIterable<T>): AsyncGenerator<T> {
    const startedAt = performance.now();
    let outcome: CacheOutcome = 'done';
    try {
      yield* answers;
    } catch (error) {
      outcome = 'error';
      if (isCacheError(error)) this.#hooks.error(operation, error, performance.now() - startedAt);
      throw error;
    } finally {
      this.#hooks.operation(operation, outcome, performance.now() - startedAt);
    }
  }
}
