import type { Attributes, Histogram, Meter } from '@opentelemetry/api';
import type { DurationHistogram, DurationSeries, Durations } from './durations.ts';

/** So many recordings take an SDK less time than a round trip takes. */
const MAX_PENDING = 64;
const MAX_WAIT_MS = 100;

interface Pending {
  readonly instrument: Histogram;
  readonly attributes: Attributes;
  readonly seconds: number;
}

/**
 * Durations for the histograms of a meter. An SDK takes a microsecond and more for each, most of it for hashing the
 * attributes; recorded a few at a time they take less, and no timer or turn of the event loop is needed for each. Nothing is
 * dropped.
 */
export class MeterDurations implements Durations {
  readonly #meter: Meter;
  #pending: Pending[] = [];
  #timer: NodeJS.Timeout | undefined;
  #hasWarned = false;

  constructor(meter: Meter) {
    this.#meter = meter;
  }

  histogram({ name, description, boundaries }: DurationHistogram): (attributes: Attributes) => DurationSeries {
    const advice = { explicitBucketBoundaries: [...boundaries] };
    const instrument = this.#meter.createHistogram(name, { description, unit: 's', advice });
    return (attributes) => ({
      attributes,
      record: (seconds, times) => {
        for (let time = 0; time < times; time += 1) this.#add({ instrument, attributes, seconds });
      },
    });
  }

  /** Records what waits, at once: for a collection that must not miss it. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const pending = this.#pending;
    this.#pending = [];
    for (const { instrument, attributes, seconds } of pending) {
      try {
        instrument.record(seconds, attributes);
      } catch (error) {
        this.#warn(error);
      }
    }
  }

  #add(duration: Pending): void {
    if (this.#pending.push(duration) >= MAX_PENDING) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), MAX_WAIT_MS).unref();
  }

  /** Out of the timer nobody would catch it. */
  #warn(error: unknown): void {
    if (this.#hasWarned) return;
    this.#hasWarned = true;
    const name = error instanceof Error ? error.name : typeof error;
    process.emitWarning(`A meter failed with ${name}; the caches are unaffected.`, { code: 'CACHE_METER_FAILED' });
  }
}
