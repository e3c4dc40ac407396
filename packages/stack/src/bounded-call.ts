import { type Awaitable, type CacheOperation, CacheTimeoutError } from '@cache/core';
import type { Expirable, SharedDeadline, SharedDeadlines } from './shared-deadlines.ts';
import type { Timers } from './timers.ts';

/** One call on its way to the shared level. */
export interface GatedCall<T> {
  readonly operation: CacheOperation;
  /** True if it may have happened although nobody said so. */
  readonly isWrite: boolean;
  /**
   * `long` for a call that takes as long as there is to do.
   * @default 'deadline'
   */
  readonly limit?: 'deadline' | 'long';
  run(): Awaitable<T>;
  /** Told if it ends after its deadline, whatever its end. */
  onLateEnd?(): void;
}

/** What a {@link BoundedCall} works with, and whom it tells of its end. */
export interface BoundedCallParts {
  readonly timers: Timers;
  readonly timeoutMs: number;
  readonly deadlines: SharedDeadlines;
  onAnswer(period: number | undefined): void;
  onFailure(call: GatedCall<unknown>, error: unknown, period: number | undefined): void;
  /** Nothing was heard within the deadline. */
  onSilence(call: GatedCall<unknown>, period: number | undefined): void;
}

/** How many calls wait that began in one period of the breaker. */
export interface PendingCalls {
  readonly period: number;
  count: number;
}

/** What works in steps, each with a deadline of its own, is given up only when it must have got stuck. */
const LONG_CALL_LIMIT_MS = 600_000;

/**
 * One call under way: settles as the call does, or rejects with a CacheTimeoutError at its deadline. A deadline is no cancel,
 * so what was given up counts as pending until it ends. Every miss makes two of them: an object with methods, since closures
 * would cost several times as much.
 */
export class BoundedCall<T> implements Expirable {
  readonly #parts: BoundedCallParts;
  readonly #pending: PendingCalls;
  readonly #period: number | undefined;
  // Let go at the end: who shares the deadline may keep this call for as long as that lasts.
  #call: GatedCall<T> | undefined;
  #resolve: ((answer: T) => void) | undefined;
  #reject: ((reason: unknown) => void) | undefined;
  #deadline: Pick<SharedDeadline, 'end'> | undefined;

  /** @param period of the breaker, if that is to be told; else `undefined` */
  constructor(
    parts: BoundedCallParts,
    call: GatedCall<T>,
    pending: PendingCalls,
    period: number | undefined,
    resolve: (answer: T) => void,
    reject: (reason: unknown) => void,
  ) {
    this.#parts = parts;
    this.#call = call;
    this.#pending = pending;
    this.#period = period;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  /** Makes the call. */
  begin(call: GatedCall<T>): void {
    const { timers, deadlines } = this.#parts;
    this.#pending.count += 1;
    this.#deadline =
      call.limit === 'long' ? { end: timers.after(LONG_CALL_LIMIT_MS, () => this.expire()) } : deadlines.add(this);
    started(call).then(
      (answer) => this.#answered(answer),
      (error: unknown) => this.#failed(error),
    );
  }

  expire(): void {
    const call = this.#call;
    const reject = this.#reject;
    if (call === undefined || reject === undefined) return;
    this.#resolve = undefined;
    this.#reject = undefined;
    this.#parts.onSilence(call, this.#period);
    reject(timeoutError(call, call.limit === 'long' ? LONG_CALL_LIMIT_MS : this.#parts.timeoutMs));
  }

  #answered(answer: T): void {
    const resolve = this.#resolve;
    this.#end();
    if (resolve === undefined) return;
    this.#parts.onAnswer(this.#period);
    resolve(answer);
  }

  #failed(error: unknown): void {
    const reject = this.#reject;
    const call = this.#end();
    if (reject === undefined || call === undefined) return;
    this.#parts.onFailure(call, error, this.#period);
    reject(error);
  }

  #end(): GatedCall<T> | undefined {
    const call = this.#call;
    this.#pending.count -= 1;
    this.#call = undefined;
    if (this.#resolve === undefined) call?.onLateEnd?.();
    else this.#deadline?.end();
    this.#resolve = undefined;
    this.#reject = undefined;
    return call;
  }
}

/** A third party's call may throw at once, or answer without a promise. */
function started<T>(call: GatedCall<T>): Promise<T> {
  try {
    return Promise.resolve(call.run());
  } catch (error) {
    return Promise.reject(error);
  }
}

function timeoutError({ operation, isWrite }: GatedCall<unknown>, timeoutMs: number): CacheTimeoutError {
  return new CacheTimeoutError(`The shared level did not answer within ${timeoutMs} ms.`, {
    operation,
    backend: 'stack',
    ambiguous: isWrite,
  });
}
