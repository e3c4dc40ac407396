import {
  type CacheBreakerState,
  type CacheHookName,
  type CacheHooks,
  type CacheOperation,
  createHookDispatcher,
  type HookDispatcher,
  OutageWarning,
} from '@cache/core';
import type { CallReport } from './call-report.ts';
import { asCacheError, isCacheError } from './store-error.ts';
import type { Timers } from './timers.ts';

const READ_THROUGH: ReadonlySet<CacheOperation> = new Set(['getOrSet', 'getOrSetMany']);

/** Times calls and tells hooks of them; without hooks it costs one comparison a call. */
export class CallObserver {
  readonly #hooks: HookDispatcher | undefined;
  readonly #warning: OutageWarning;
  readonly #timers: Timers;
  #lastFailure: unknown;

  constructor(hooks: CacheHooks | readonly CacheHooks[] | undefined, name: string, timers: Timers) {
    this.#hooks = createHookDispatcher(hooks, { cache: name, backend: 'stack' });
    this.#warning = new OutageWarning(name, () => timers.now());
    this.#timers = timers;
  }

  /** True if nobody listens to anything. */
  get isSilent(): boolean {
    return this.#hooks === undefined;
  }

  /** True if somebody listens to this event. */
  hears(name: CacheHookName): boolean {
    return this.#hooks?.hears(name) ?? false;
  }

  /** The near level answered a read, without a promise. */
  nearHit(operation: CacheOperation, key: string, startedAtMs: number): void {
    const durationMs = this.#timers.now() - startedAtMs;
    this.#hooks?.hit(operation, key, durationMs, undefined, 'l1');
    this.#hooks?.operation(operation, 'hit', durationMs, 'l1');
  }

  /** Runs a call; what it throws is told and thrown on. */
  async observe<T>(operation: CacheOperation, run: () => Promise<T>, report: CallReport<T>): Promise<T> {
    const hooks = this.#hooks;
    if (hooks === undefined) return run();
    const startedAtMs = this.#timers.now();
    try {
      const answer = await run();
      const durationMs = this.#timers.now() - startedAtMs;
      const end = report(answer, hooks, durationMs);
      if (typeof end === 'string') hooks.operation(operation, end, durationMs);
      else hooks.operation(operation, end.outcome, durationMs, end.level);
      return answer;
    } catch (error) {
      const durationMs = this.#timers.now() - startedAtMs;
      // What a read-through throws and is none of ours is its caller's own: the reason of an aborted signal.
      if (isCacheError(error) || !READ_THROUGH.has(operation)) {
        hooks.error(operation, asCacheError(error, operation), durationMs);
      }
      hooks.operation(operation, 'error', durationMs);
      throw error;
    }
  }

  /** The shared level failed, and the caller does not hear of it. One failure of many keys is told once. */
  degraded(operation: CacheOperation, error: unknown): void {
    if (error === this.#lastFailure) return;
    this.#lastFailure = error;
    setImmediate(() => {
      this.#lastFailure = undefined;
    });
    const failure = asCacheError(error, operation);
    if (this.#hooks?.hears('onError')) this.#hooks.error(operation, failure, 0);
    else this.#warning.report(failure);
  }

  /** The breaker in front of the shared level changed. */
  breaker(state: CacheBreakerState, previous: CacheBreakerState, queuedInvalidations: number): void {
    this.#hooks?.breaker(state, previous, queuedInvalidations);
  }

  /** A loader ended. */
  loaded(key: string, outcome: 'done' | 'error', durationMs: number): void {
    this.#hooks?.load(key, outcome, durationMs);
  }
}
