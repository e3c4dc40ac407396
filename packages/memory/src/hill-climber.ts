/** Requests per sample, as a multiple of capacity: shorter samples chase noise, longer ones come too late (10 in the paper). */
const SAMPLE_MULTIPLE = 4;
/** First step, as a share of capacity, and its decay per sample (Caffeine's values). */
const INITIAL_STEP = 0.0625;
const STEP_DECAY = 0.98;
/** A change of the hit ratio this large means another workload: start with large steps again. */
const RESTART_CHANGE = 0.05;
/** The window's share of capacity: 1 % suits frequency, and the climb may take it as far as 80 % for recency. */
const INITIAL_WINDOW = 0.01;
const LARGEST_WINDOW = 0.8;
/** The protected region's share of what is not window (SLRU inside W-TinyLFU, TinyLFU §4.1). */
const PROTECTED_SHARE = 0.8;

/**
 * Chooses the window's size by climbing the hill of the observed hit ratio (Einziger, Eytan, Friedman, Manes, "Adaptive Software
 * Cache Management", Middleware 2018, §4.2): keep going while hits rise, turn round when they fall.
 */
export class HillClimber {
  /** Requests per sample. */
  readonly sampleSize: number;
  readonly #capacity: number;
  #windowSize = 0;
  #protectedSize = 0;
  #step: number;
  #previousRatio = 0;

  constructor(capacity: number) {
    this.sampleSize = SAMPLE_MULTIPLE * capacity;
    this.#capacity = capacity;
    this.#step = -INITIAL_STEP * capacity;
    this.#divide(Math.round(INITIAL_WINDOW * capacity));
  }

  get windowSize(): number {
    return this.#windowSize;
  }

  /** The most items the protected region holds. */
  get protectedSize(): number {
    return this.#protectedSize;
  }

  /** Takes the hit ratio of the sample that has just ended and moves the window. */
  climb(hitRatio: number): void {
    const change = hitRatio - this.#previousRatio;
    this.#previousRatio = hitRatio;
    const move = change >= 0 ? this.#step : -this.#step;
    const restart = Math.abs(change) >= RESTART_CHANGE;
    this.#step = restart ? Math.sign(move) * INITIAL_STEP * this.#capacity : STEP_DECAY * move;
    this.#divide(this.#windowSize + Math.trunc(move));
  }

  #divide(windowSize: number): void {
    const largest = Math.round(LARGEST_WINDOW * this.#capacity);
    this.#windowSize = Math.max(1, Math.min(largest, windowSize));
    this.#protectedSize = Math.floor(PROTECTED_SHARE * (this.#capacity - this.#windowSize));
  }
}
