/** Exact reads in one turn of the event loop before any answer may be reused: below a thousand calls there is little to save. */
const EXACT_READS_PER_TURN = 1000;
/** Most answers given per reading. Beyond 256 the reading's share of a hit is under one percent, so more would only cost accuracy. */
const LONGEST_RUN = 256;
/** What is kept as a small integer costs no allocation. */
const LARGEST_READING_NUMBER = 2 ** 30 - 1;
/** Readings further apart than this end the burst: the calls are no longer back to back. */
export const LONGEST_GAP_MS = 1;

// Captured at load: fake timers installed later can neither hold back the end of a turn nor pass for the real clock.
const afterThisTurn = setImmediate;
const realNow = performance.now;

/** A source of monotonic milliseconds: `performance`, or a test's own. */
export interface MonotonicClock {
  now(): number;
}

/**
 * Reads the time exactly, or, while calls come in bursts, gives one reading to several calls: a clock read costs 30 to 400 ns, as
 * much as the look-up it would guard.
 *
 * Bound: `recent()` is never ahead, and behind by at most the time since its last reading, which is at most 256 calls old and of the same
 * turn of the event loop. So it is inexact only within one uninterrupted stretch of synchronous code that has made more than a
 * thousand calls, never after an `await` on I/O or a timer. A clock that was given, or faked, is always read exactly.
 */
export class BurstClock {
  /** Answers that may still be given without reading. Zero: the next `recent()` is exact. */
  #reusesLeft = 0;
  /** The last reading. */
  #reading: number = Number.NEGATIVE_INFINITY;
  /** Counts readings, so that what was found out at one of them can be told to be out of date. Wraps round. */
  #readingNumber = 0;
  #run = 0;
  #readsThisTurn = 0;
  readonly #source: MonotonicClock | undefined;
  readonly #onReadAfterReuse: (elapsedMs: number) => void;

  /** @param onReadAfterReuse told how long the reading stood that may have been reused, whenever there is a new one */
  constructor(source: MonotonicClock | undefined, onReadAfterReuse: (elapsedMs: number) => void) {
    this.#source = source;
    this.#onReadAfterReuse = onReadAfterReuse;
  }

  /** The last reading, or a new one if that may not be reused. */
  recent(): number {
    if (this.#reusesLeft > 0) {
      this.#reusesLeft--;
      return this.#reading;
    }
    return this.#read();
  }

  /** As `recent()`, for a caller that knows its answer for one reading: true if that is still the reading to use. */
  reuse(readingNumber: number): boolean {
    if (this.#readingNumber !== readingNumber || this.#reusesLeft === 0) return false;
    this.#reusesLeft--;
    return true;
  }

  /** The number of the last reading; never negative. */
  get readingNumber(): number {
    return this.#readingNumber;
  }

  /** What the last call of `recent` or `exact` answered. */
  get latest(): number {
    return this.#reading;
  }

  /** Whether the last `recent()` may have been behind. */
  get isReusing(): boolean {
    return this.#run > 0;
  }

  /** A new reading. */
  exact(): number {
    const now = this.#source === undefined ? performance.now() : this.#source.now();
    if (this.#run > 0) this.#onReadAfterReuse(now - this.#reading);
    this.#reading = now;
    this.#readingNumber = (this.#readingNumber + 1) & LARGEST_READING_NUMBER;
    return now;
  }

  #read(): number {
    const before = this.#reading;
    const now = this.exact();
    if (this.#source !== undefined || performance.now !== realNow) return now;
    if (this.#readsThisTurn === 0) afterThisTurn(this.#endTurn).unref();
    this.#readsThisTurn++;
    if (now - before > LONGEST_GAP_MS) this.#run = 0;
    else if (this.#readsThisTurn > EXACT_READS_PER_TURN) {
      this.#run = this.#run === 0 ? 1 : Math.min(LONGEST_RUN, this.#run * 2);
      this.#reusesLeft = this.#run;
    }
    return now;
  }

  readonly #endTurn = (): void => {
    this.exact();
    this.#readsThisTurn = 0;
    this.#reusesLeft = 0;
    this.#run = 0;
  };
}
