import type { CacheBreakerState } from '@cache/core';
import type { Timers } from './timers.ts';

/** `closed`: calls go through. `open`: none does. `halfOpen`: one attempt finds out whether they may again. */
export type BreakerState = CacheBreakerState;

/** One attempt to recover. It is over with the first of these calls; later ones change nothing. */
export interface RecoveryAttempt {
  succeed(): void;
  /** @param how `silent` if nothing was heard within a deadline */
  fail(how: 'refused' | 'silent'): void;
}

/** What a {@link CircuitBreaker} is made of. */
export interface CircuitBreakerParts {
  /** So many calls in a row must fail. */
  readonly failureThreshold: number;
  /** The first pause; each following one is twice as long. */
  readonly firstPauseMs: number;
  /**
   * The longest pause. From the moment at which the protected answers again, at most so long goes by until an attempt begins
   * that finds out, or what an attempt takes that had begun before, if that is longer.
   */
  readonly maxPauseMs: number;
  readonly timers: Timers;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Called once each time the breaker is half-open. */
  recover(attempt: RecoveryAttempt): void;
  onChange(state: BreakerState, previous: BreakerState): void;
}

/** A breaker that opens again this soon after it closed goes on with the pauses where it was: it flaps. */
const STABLE_MS = 10_000;

/** So many silent attempts in a row, and one pause is long. */
const SILENT_ATTEMPTS = 16;

/**
 * A connection whose other end is gone without a word is given up by its client only after some seconds in which nothing is
 * written to it. Longer than the three that are usual.
 */
const QUIET_PAUSE_MS = 4_000;

/**
 * A circuit breaker ("Release It!", Michael Nygard) without any knowledge of what it protects.
 *
 * Invariants, which the model test checks over random histories:
 * - it opens by `failureThreshold` failures in a row of calls that began since it closed, or by `trip`, and by nothing else;
 * - it closes by the success of the one attempt of a half-open phase, and by nothing else;
 * - an outcome of a call that began before the state last changed changes nothing;
 * - a pause is counted from the beginning of the attempt before it: one that was silent for long is followed at once;
 * - one timer is set while it is open, none otherwise; after `end` nothing is set, tried or told.
 */
export class CircuitBreaker {
  readonly #parts: CircuitBreakerParts;
  #state: BreakerState = 'closed';
  #period = 0;
  #failures = 0;
  #pauses = 0;
  #attemptedAtMs = Number.NEGATIVE_INFINITY;
  #silentAttempts = 0;
  #closedAtMs = Number.NEGATIVE_INFINITY;
  #cancelPause: () => void = noop;
  #hasEnded = false;

  constructor(parts: CircuitBreakerParts) {
    this.#parts = parts;
  }

  get state(): BreakerState {
    return this.#state;
  }

  get isClosed(): boolean {
    return this.#state === 'closed';
  }

  /** Names the time since the state last changed: ask when a call begins, and say so when it ends. */
  get period(): number {
    return this.#period;
  }

  /** A call that began in that period was answered. */
  succeeded(period: number): void {
    if (period === this.#period) this.#failures = 0;
  }

  /** A call that began in that period found nobody to answer it. */
  failed(period: number): void {
    if (period !== this.#period || !this.isClosed) return;
    this.#failures += 1;
    if (this.#failures >= this.#parts.failureThreshold) this.trip();
  }

  /** Opens, if it is closed. */
  trip(): void {
    if (!this.isClosed || this.#hasEnded) return;
    if (this.#parts.timers.now() - this.#closedAtMs >= STABLE_MS) this.#pauses = 0;
    this.#silentAttempts = 0;
    this.#open(this.#parts.timers.now());
  }

  /** Ends the pause, if there is one. */
  tryNow(): void {
    if (this.#state !== 'open' || this.#hasEnded) return;
    this.#cancelPause();
    this.#halfOpen();
  }

  /** Ends the breaker in the state it is in. */
  end(): void {
    this.#hasEnded = true;
    this.#cancelPause();
  }

  #open(sinceMs: number): void {
    const { timers } = this.#parts;
    const pausedMs = timers.now() - sinceMs;
    this.#cancelPause = timers.after(Math.max(0, this.#nextPauseMs() - pausedMs), () => this.#halfOpen());
    this.#change('open');
  }

  #halfOpen(): void {
    this.#cancelPause = noop;
    this.#attemptedAtMs = this.#parts.timers.now();
    this.#change('halfOpen');
    const period = this.#period;
    const isOver = (): boolean => period !== this.#period || this.#hasEnded;
    this.#parts.recover({
      succeed: () => {
        if (!isOver()) this.#close();
      },
      fail: (how) => {
        if (isOver()) return;
        this.#silentAttempts = how === 'silent' ? this.#silentAttempts + 1 : 0;
        this.#open(this.#attemptedAtMs);
      },
    });
  }

  #close(): void {
    this.#failures = 0;
    this.#closedAtMs = this.#parts.timers.now();
    this.#change('closed');
  }

  /** Between half and all of it: processes that lost one server together do not come back together. */
  #nextPauseMs(): number {
    const { firstPauseMs, maxPauseMs, random } = this.#parts;
    if (this.#silentAttempts > 0 && this.#silentAttempts % SILENT_ATTEMPTS === 0) return QUIET_PAUSE_MS;
    const longest = Math.min(maxPauseMs, firstPauseMs * 2 ** this.#pauses);
    if (longest < maxPauseMs) this.#pauses += 1;
    return longest * (0.5 + random() / 2);
  }

  #change(state: BreakerState): void {
    const previous = this.#state;
    this.#state = state;
    this.#period += 1;
    this.#parts.onChange(state, previous);
  }
}

function noop(): void {}
