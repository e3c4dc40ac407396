import type { Attributes } from '@opentelemetry/api';

/** What a histogram of durations is called, and its buckets in seconds. */
export interface DurationHistogram {
  readonly name: string;
  readonly description: string;
  readonly boundaries: readonly number[];
}

/** One combination of attributes of such a histogram. */
export interface DurationSeries {
  readonly attributes: Attributes;
  /** Records a duration `times` over. */
  record(seconds: number, times: number): void;
}

/** Where durations go. */
export interface Durations {
  /** Makes the series of a histogram. */
  histogram(histogram: DurationHistogram): (attributes: Attributes) => DurationSeries;
}
