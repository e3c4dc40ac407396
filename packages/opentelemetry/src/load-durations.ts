import { type CacheEventSource, SeriesTable } from '@cache/core';
import type { Attributes, Histogram, Meter } from '@opentelemetry/api';
import { counterAttributes } from './attributes.ts';

const BOUNDARIES = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30];

/** The histogram of loaders, in seconds: `cache.load.duration`. */
export class LoadDurations {
  readonly #histogram: Histogram;
  readonly #attributes: SeriesTable<Attributes> = new SeriesTable((values) =>
    counterAttributes(['cache.outcome', '', ''], values),
  );

  constructor(meter: Meter) {
    this.#histogram = meter.createHistogram('cache.load.duration', {
      description: 'Duration of loaders.',
      unit: 's',
      advice: { explicitBucketBoundaries: BOUNDARIES },
    });
  }

  /** Records one, and gives what was said of it. */
  record(durationMs: number, source: CacheEventSource, outcome: string): Attributes {
    const attributes = this.#attributes.at(source, outcome, '', '');
    this.#histogram.record(durationMs / 1000, attributes);
    return attributes;
  }
}
