import { type CacheOperation, CacheUnavailableError } from '@cache/core';
import { BoundedCall, type BoundedCallParts, type GatedCall, type PendingCalls } from './bounded-call.ts';
import type { CircuitBreaker } from './circuit-breaker.ts';
import type { RestartWatch } from './restart-watch.ts';
import { SharedDeadlines } from './shared-deadlines.ts';
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
  readonly #bounds: BoundedCallParts;
  #pending: PendingCalls = { period: 0, count: 0 };
  #refusedCalls = 0;
  #isSilent = false;
  #hasLostWrite = false;

  constructor(parts: LevelGateParts) {
    const { breaker, timers, timeoutMs } = parts;
    this.#parts = parts;
    this.#bounds = {
      timers,
      timeoutMs,
      deadlines: new SharedDeadlines(timers, timeoutMs),
      onAnswer: (period) => {
        this.#isSilent = false;
        if (period !== undefined) breaker.succeeded(period);
      },
      onFailure: (call, error, period) => {
        if (isSilence(error)) this.#heardNothing(call);
        else this.#isSilent = false;
        if (period !== undefined && isOutage(error, call.operation)) this.#failed(period);
      },
      onSilence: (call, period) => {
        this.#heardNothing(call);
        if (period !== undefined) this.#failed(period);
      },
    };
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

  #pendingNow(): PendingCalls {
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
    return new Promise((resolve, reject) => {
      new BoundedCall(this.#bounds, call, this.#pendingNow(), period, resolve, reject).begin(call);
    });
  }
}
