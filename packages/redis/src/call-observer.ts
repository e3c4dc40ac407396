import type { CacheHookName, CacheOperation, CacheOutcome, HookDispatcher } from '@cache/core';
import { isCacheError } from './failures.ts';
import { PayloadSizes } from './payload-sizes.ts';
import { ReadTally } from './read-tally.ts';

/** A call that has ended, and what there is to tell of it. */
export interface EndedCall {
  /** By {@link CallObserver.now}. */
  readonly startedAtMs: number;
  tell(hooks: HookDispatcher, durationMs: number): void;
}

const SETTLED: Promise<void> = Promise.resolve();

/**
 * Tells the hooks of calls. There is one only where there are hooks: without, nothing is measured.
 *
 * The clock is read once for the calls that begin together, and once for those that end together: the calls of one tick
 * share a round trip, so they take equally long.
 */
export class CallObserver {
  /** True if calls may be told of by {@link end}, away from their callers' async contexts. */
  readonly tellsTogether: boolean;
  /** True if reads may be told of by {@link tally}, as numbers. */
  readonly talliesReads: boolean;
  readonly #hooks: HookDispatcher;
  #ended: EndedCall[] = [];
  #nowMs = NOT_READ;
  #tally: ReadTally | undefined;
  #isGathering = false;

  constructor(hooks: HookDispatcher) {
    this.tellsTogether = !hooks.usesAsyncContext;
    this.talliesReads = hooks.takesReadsTogether;
    this.#hooks = hooks;
  }

  /** True if somebody listens to this event. */
  hears(name: CacheHookName): boolean {
    return this.#hooks.hears(name);
  }

  /** Where a call notes the sizes of its payloads; `undefined` if nobody listens to the event that tells of them. */
  sizesFor(event: 'onHit' | 'onSet'): PayloadSizes | undefined {
    return this.#hooks.hears(event) ? new PayloadSizes() : undefined;
  }

  /** Monotonic milliseconds: one reading for all that is under way until the promise jobs have run that wait now. */
  now(): number {
    if (this.#nowMs === NOT_READ) {
      this.#nowMs = performance.now();
      void SETTLED.then(this.#forgetNow);
    }
    return this.#nowMs;
  }

  /** Where reads are counted that begin at this time, by {@link now}. */
  tally(startedAtMs: number): ReadTally {
    if (this.#tally?.startedAtMs !== startedAtMs) this.#tally = new ReadTally(this, startedAtMs);
    return this.#tally;
  }

  /**
   * Tells of a call that ends now, once everything that ends with it is known. All are told of in the async context of the
   * first, so it is for hooks that do not look at it; `watch` is for the others and costs a promise more.
   *
   * Invariant: the hooks hear of a call before its caller goes on. What calls this within {@link together} is told of before
   * any promise job; otherwise the job that tells is queued here, and the caller's promise is resolved after it.
   */
  end(call: EndedCall): void {
    if (this.#ended.length === 0 && !this.#isGathering) void SETTLED.then(this.#tellEnded);
    this.#ended.push(call);
  }

  /** Runs `settle`, and tells of all that ended in it. */
  together(settle: () => void): void {
    this.#isGathering = true;
    try {
      settle();
    } finally {
      this.#isGathering = false;
      if (this.#ended.length > 0) this.#tellEnded();
    }
  }

  /** Tells of a call that failed, now: one that never began, or one of those that are counted. */
  failed(operation: CacheOperation, startedAtMs: number, error: unknown): void {
    this.#tellFailure(operation, error, performance.now() - startedAtMs);
  }

  /**
   * Tells how a call ends that is under way, in the async context of its caller: spans and logs find their request there.
   *
   * @param startedAtMs by {@link now}, read before the call began
   * @param outcome tells what happened to the keys, and how the call as a whole ended
   */
  watch<T>(
    operation: CacheOperation,
    startedAtMs: number,
    call: Promise<T>,
    outcome: (answer: T, hooks: HookDispatcher, durationMs: number) => CacheOutcome,
  ): Promise<T> {
    return call.then(
      (answer) => {
        const durationMs = this.now() - startedAtMs;
        this.#hooks.operation(operation, outcome(answer, this.#hooks, durationMs), durationMs);
        return answer;
      },
      (error: unknown) => {
        this.#tellFailure(operation, error, this.now() - startedAtMs);
        throw error;
      },
    );
  }

  /** As {@link watch}, for a call with many answers: it ends with the last one, or when nobody asks for more. */
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

  #tellFailure(operation: CacheOperation, error: unknown, durationMs: number): void {
    // The reason of an aborted signal is the caller's own.
    if (isCacheError(error)) this.#hooks.error(operation, error, durationMs);
    this.#hooks.operation(operation, 'error', durationMs);
  }

  readonly #forgetNow = (): void => {
    this.#nowMs = NOT_READ;
  };

  readonly #tellEnded = (): void => {
    const ended = this.#ended;
    this.#ended = [];
    const nowMs = performance.now();
    for (const call of ended) call.tell(this.#hooks, nowMs - call.startedAtMs);
  };
}

const NOT_READ = -1;
