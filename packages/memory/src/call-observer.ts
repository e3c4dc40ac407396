import { CacheError, type CacheOperation, type CacheOutcome, type HookDispatcher } from '@cache/core';
import type { Displacement } from './memory-engine.ts';

/** Says what a call did, and tells the hooks about each key. */
export type CallReport<T> = (answer: T, hooks: HookDispatcher, durationMs: number) => CacheOutcome;

/** Times calls and tells the hooks; a cache without hooks has none. */
export class CallObserver {
  readonly #hooks: HookDispatcher;

  constructor(hooks: HookDispatcher) {
    this.#hooks = hooks;
  }

  /** Runs the call; hooks hear of it when it is done, so one that calls the cache finds it in order. */
  observe<T>(operation: CacheOperation, call: () => T, report: CallReport<T>): T {
    const startMs = performance.now();
    let answer: T;
    try {
      answer = call();
    } catch (error) {
      const durationMs = performance.now() - startMs;
      if (error instanceof CacheError) this.#hooks.error(operation, error, durationMs);
      this.#hooks.operation(operation, 'error', durationMs);
      throw error;
    }
    const durationMs = performance.now() - startMs;
    this.#hooks.operation(operation, report(answer, this.#hooks, durationMs), durationMs);
    return answer;
  }

  displaced(displaced: readonly Displacement[]): void {
    for (const { key, reason } of displaced) {
      if (reason === undefined) this.#hooks.expire(key);
      else this.#hooks.evict(key, reason);
    }
  }
}
