import type { Attributes, Histogram } from '@opentelemetry/api';

/** More than a turn of the event loop makes, but for a long loop over memory: then there are recordings in between. */
const MAX_PENDING = 1_024;

/** Where a duration is recorded, and what is said of it. */
export interface DurationSeries {
  readonly histogram: Histogram;
  readonly attributes: Attributes;
}

/**
 * Records durations at the end of the turn. An SDK takes a microsecond for each, most of it for hashing the attributes; a call
 * that has its answer shall not wait for that. Nothing is dropped and no more than `MAX_PENDING` wait.
 */
export class DeferredDurations {
  #series: DurationSeries[] = [];
  #seconds: number[] = [];
  #hasWarned = false;

  add(series: DurationSeries, seconds: number): void {
    const count = this.#series.push(series);
    this.#seconds.push(seconds);
    if (count === 1) setImmediate(() => this.flush());
    else if (count >= MAX_PENDING) this.flush();
  }

  /** Records what waits, at once: for a collection that must not miss it. */
  flush(): void {
    const series = this.#series;
    const seconds = this.#seconds;
    this.#series = [];
    this.#seconds = [];
    for (const [index, { histogram, attributes }] of series.entries()) {
      try {
        histogram.record(seconds[index] as number, attributes);
      } catch (error) {
        this.#warn(error);
      }
    }
  }

  /** Out here nobody would catch it. */
  #warn(error: unknown): void {
    if (this.#hasWarned) return;
    this.#hasWarned = true;
    const name = error instanceof Error ? error.name : typeof error;
    process.emitWarning(`A meter failed with ${name}; the caches are unaffected.`, { code: 'CACHE_METER_FAILED' });
  }
}
