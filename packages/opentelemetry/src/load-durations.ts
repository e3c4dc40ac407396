import { type CacheEventSource, SeriesTable } from '@cache/core';
import type { Meter } from '@opentelemetry/api';
import { counterAttributes } from './attributes.ts';
import type { DurationSeries } from './deferred-durations.ts';

const BOUNDARIES = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30];

/** The histogram of loaders, in seconds: `cache.load.duration`. */
export class LoadDurations {
  readonly #series: SeriesTable<DurationSeries>;

  constructor(meter: Meter) {
    const histogram = meter.createHistogram('cache.load.duration', {
      description: 'Duration of loaders.',
      unit: 's',
      advice: { explicitBucketBoundaries: BOUNDARIES },
    });
    this.#series = new SeriesTable((values) => ({
      histogram,
      attributes: counterAttributes(['cache.outcome', '', ''], values),
    }));
  }

  ended(source: CacheEventSource, outcome: string): DurationSeries {
    return this.#series.at(source, outcome, '', '');
  }
}
