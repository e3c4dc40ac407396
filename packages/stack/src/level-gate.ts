import { type Awaitable, type CacheOperation, CacheTimeoutError, CacheUnavailableError } from '@cache/core';
import type { CircuitBreaker } from './circuit-breaker.ts';
import type { RestartWatch } from './restart-watch.ts';
import { isOutage, isSilence } from './store-error.ts';
import type { Timers } from './timers.ts';

/** What a {@link LevelGate} is made of. */
export interface LevelGateParts {
  readonly breaker: CircuitBreaker;
  readonly timers: Timers;
  readonly timeoutMs: number;
  readonly maxPending: number;
  /** Calls wait until it trusts the server; what they fail of gives it reason for doubt. */
  readonly restarts: RestartWatch | undefined;
}

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

/** What works in steps, each with a deadline of its own, is given up only when it must have got stuck. */
const LONG_CALL_LIMIT_MS = 600_000;

/** Calls of the shared level that were refused without asking it. */
const refusals = new WeakSet<object>();

/** True for the error of a call that an open breaker refused. */
export function isRefusedByBreaker(error: unknown): boolean {
  return typeof error === 'object' && error !== null && refusals.has(error);
}

/**
 * Where calls enter the shared level: each settles within the deadline, whatever is behind; while the breaker is open, at
 * once; and so many at most wait. A deadline is no cancel, so what was given up counts until it ends, or until the breaker
 * has closed again over a level that answers.
 */
export class LevelGate {
  readonly #parts: LevelGateParts;
  #pending = { period: 0, count: 0 };
  #refusedCalls = 0;
  #isSilent = false;
  #hasLostWrite = false;

  constructor(parts: LevelGateParts) {
    this.#parts = parts;
  }

  /** How many calls were refused without asking. */
  get refusedCalls(): number {
    return this.#refusedCalls;
  }

  /** True if the last call that ended was not answered in time, or a write since the connections were given up last. */
  get isSilent(): boolean {
    return this.#isSilent || this.#hasLostWrite;
  }

  /** What was not answered is not carried out any more. */
  connectionsRenewed(): void {
    this.#hasLostWrite = false;
  }

  /** True if no more calls may wait. */
  get isFull(): boolean {
    return this.#pendingNow().count >= this.#parts.maxPending;
  }

  /** Lets a call through while the breaker is closed, and tells the breaker how it ended. */
  call<T>(call: GatedCall<T>): Promise<T> {
    const { breaker, maxPending } = this.#parts;
    if (!breaker.isClosed) return Promise.reject(this.refusal(call.operation));
    const { period } = breaker;
    if (!this.isFull) return this.#bounded(this.#trusting(call), period);
    const error = new CacheUnavailableError(`${maxPending} calls already wait for the shared level.`, {
      operation: call.operation,
      backend: 'stack',
    });
    breaker.failed(period);
    return Promise.reject(error);
  }

  /** Makes a call whatever the breaker says, and without telling it. */
  tryCall<T>(call: GatedCall<T>): Promise<T> {
    return this.#bounded(call, undefined);
  }

  /** A call is not made, and its caller has an error for it. */
  countRefusal(): void {
    this.#refusedCalls += 1;
  }

  /** The error for a call that is not made. */
  refusal(operation: CacheOperation): CacheUnavailableError {
    this.countRefusal();
    const error = new CacheUnavailableError('The shared level failed and is left alone for a moment.', {
      operation,
      backend: 'stack',
    });
    refusals.add(error);
    return error;
  }

  /** The same call, if restarts do not matter; otherwise one whose answer is of the server that is known. */
  #trusting<T>(call: GatedCall<T>): GatedCall<T> {
    const { restarts, breaker } = this.#parts;
    if (restarts === undefined) return call;
    const { period } = breaker;
    const trust = async (known: Promise<boolean> | undefined): Promise<void> => {
      if (known === undefined) return;
      if (!(await known) || breaker.period !== period) throw this.refusal(call.operation);
    };
    const isRead = !call.isWrite || call.operation === 'getOrLease';
    return {
      ...call,
      run: async () => {
        await trust(restarts.isTrusted());
        const answer = await call.run();
        // Tried again over a new connection, it may have been answered by another server.
        if (isRead) await trust(restarts.isTrusted());
        return answer;
      },
    };
  }

  #failed(period: number): void {
    const { breaker, restarts } = this.#parts;
    restarts?.doubt();
    breaker.failed(period);
  }

  #pendingNow(): { readonly period: number; count: number } {
    const { period } = this.#parts.breaker;
    // What hung before an outage that is over will not come back.
    if (this.#pending.period !== period) this.#pending = { period, count: 0 };
    return this.#pending;
  }

  #heardNothing({ isWrite }: GatedCall<unknown>): void {
    this.#isSilent = true;
    this.#hasLostWrite ||= isWrite;
  }

  #bounded<T>(call: GatedCall<T>, period: number | undefined): Promise<T> {
    const { breaker, timers, timeoutMs } = this.#parts;
    const pending = this.#pendingNow();
    pending.count += 1;
    return new Promise((resolve, reject) => {
      let isGivenUp = false;
      const limitMs = call.limit === 'long' ? LONG_CALL_LIMIT_MS : timeoutMs;
      const cancel = timers.after(limitMs, () => {
        isGivenUp = true;
        this.#heardNothing(call);
        if (period !== undefined) this.#failed(period);
        reject(timeoutError(call, limitMs));
      });
      const ended = (): boolean => {
        pending.count -= 1;
        if (isGivenUp) call.onLateEnd?.();
        else cancel();
        return !isGivenUp;
      };
      started(call).then(
        (answer) => {
          if (!ended()) return;
          this.#isSilent = false;
          if (period !== undefined) breaker.succeeded(period);
          resolve(answer);
        },
        (error: unknown) => {
          if (!ended()) return;
          if (isSilence(error)) this.#heardNothing(call);
          else this.#isSilent = false;
          if (period !== undefined && isOutage(error)) this.#failed(period);
          reject(error);
        },
      );
    });
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
