const TICK_MS = 10;

/** A pause between two looks counts as this much at most: what is longer was a machine that had no time for us. */
const LONGEST_STEP_MS = 2 * TICK_MS;

/**
 * Milliseconds in which this process had a processor. A promise about how long a call takes cannot be kept by a process that
 * does not run, so on a busy machine it is this clock that judges it; a call that hangs is as long by it as by any other.
 */
export class AwakeClock implements Disposable {
  readonly #ticker: NodeJS.Timeout;
  #awakeMs = 0;
  #lookedAt = performance.now();

  constructor() {
    this.#ticker = setInterval(() => this.now(), TICK_MS);
    this.#ticker.unref();
  }

  now(): number {
    const now = performance.now();
    this.#awakeMs += Math.min(now - this.#lookedAt, LONGEST_STEP_MS);
    this.#lookedAt = now;
    return this.#awakeMs;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#ticker);
  }
}
