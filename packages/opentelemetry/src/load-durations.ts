import { type CacheEventSource, SeriesTable } from '@cache/core';
import { counterAttributes } from './attributes.ts';
import type { DurationSeries, Durations } from './durations.ts';

/** The histogram of loaders. */
export class LoadDurations {
  readonly #series: SeriesTable<DurationSeries>;

  constructor(durations: Durations) {
    const series = durations.histogram({
      name: 'cache.load.duration',
      description: 'Duration of loaders.',
      boundaries: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30],
    });
    this.#series = new SeriesTable((values) => series(counterAttributes(['cache.outcome', '', ''], values)));
  }

  ended(source: CacheEventSource, outcome: string): DurationSeries {
    return this.#series.at(source, outcome, '', '');
  }
}
