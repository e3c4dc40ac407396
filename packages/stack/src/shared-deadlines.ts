import type { Timers } from './timers.ts';

/** What is given up at its deadline. */
export interface Expirable {
  expire(): void;
}

/** Calls that begin within so many milliseconds share the deadline of the first. */
const SPAN_MS = 1;

/**
 * Deadlines of one length for calls that come many at a time and nearly all end before: one timer for those of a millisecond.
 * A call may be given up by so much too early, never too late.
 */
export class SharedDeadlines {
  readonly #timers: Timers;
  readonly #delayMs: number;
  #newest: SharedDeadline | undefined;

  constructor(timers: Timers, delayMs: number) {
    this.#timers = timers;
    this.#delayMs = delayMs;
  }

  /** Counts the time of a call from now on. Tell the deadline when the call has ended. */
  add(call: Expirable): SharedDeadline {
    const nowMs = this.#timers.now();
    let deadline = this.#newest;
    if (deadline === undefined || deadline.isOver || nowMs - deadline.sinceMs >= SPAN_MS) {
      deadline = new SharedDeadline(this.#timers, this.#delayMs, nowMs);
      this.#newest = deadline;
    }
    deadline.add(call);
    return deadline;
  }
}

/** One deadline of several calls. It is over when all have ended, or when it has passed. */
export class SharedDeadline {
  readonly sinceMs: number;
  readonly #calls: Expirable[] = [];
  readonly #cancel: () => void;
  #unended = 0;
  #isOver = false;

  constructor(timers: Timers, delayMs: number, sinceMs: number) {
    this.sinceMs = sinceMs;
    this.#cancel = timers.after(delayMs, () => this.#pass());
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  add(call: Expirable): void {
    this.#calls.push(call);
    this.#unended += 1;
  }

  /** One of the calls has ended. */
  end(): void {
    this.#unended -= 1;
    if (this.#unended > 0 || this.#isOver) return;
    this.#isOver = true;
    this.#cancel();
  }

  /** Those that have ended do not notice. */
  #pass(): void {
    this.#isOver = true;
    for (const call of this.#calls) call.expire();
  }
}
