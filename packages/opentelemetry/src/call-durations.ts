import { type CacheEventSource, type CacheOperation, type CacheOutcome, SeriesTable } from '@cache/core';
import type { Attributes } from '@opentelemetry/api';
import { callAttributes, databaseSystemOf } from './attributes.ts';
import type { DurationHistogram, DurationSeries, Durations } from './durations.ts';

/** As the convention says. */
const DATABASE_CALLS: DurationHistogram = {
  name: 'db.client.operation.duration',
  description: 'Duration of database client operations.',
  boundaries: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10],
};
/** The same, and finer below a millisecond, where memory answers. */
const CACHE_CALLS: DurationHistogram = {
  name: 'cache.operation.duration',
  description: 'Duration of calls of a cache.',
  boundaries: [0.000_01, 0.000_1, ...DATABASE_CALLS.boundaries],
};

/** The histograms of calls: that of the convention for backends that are databases, one of our own for the others. */
export class CallDurations {
  readonly #succeeded: SeriesTable<DurationSeries>;
  readonly #failed: SeriesTable<DurationSeries>;

  constructor(durations: Durations) {
    const database = durations.histogram(DATABASE_CALLS);
    const cache = durations.histogram(CACHE_CALLS);
    const series = (backend: string, attributes: Attributes): DurationSeries =>
      databaseSystemOf(backend) === undefined ? cache(attributes) : database(attributes);
    this.#succeeded = new SeriesTable(([name, backend, level, operation, outcome]) =>
      series(
        backend,
        callAttributes(name, backend, {
          operation: operation as CacheOperation,
          outcome: outcome as CacheOutcome,
          level,
          errorType: '',
        }),
      ),
    );
    this.#failed = new SeriesTable(([name, backend, operation, errorType]) =>
      series(
        backend,
        callAttributes(name, backend, {
          operation: operation as CacheOperation,
          outcome: 'error',
          level: '',
          errorType,
        }),
      ),
    );
  }

  succeeded(source: CacheEventSource, level: string, operation: CacheOperation, outcome: CacheOutcome): DurationSeries {
    return this.#succeeded.at(source, level, operation, outcome);
  }

  failed(source: CacheEventSource, operation: CacheOperation, errorType: string): DurationSeries {
    return this.#failed.at(source, operation, errorType, '');
  }
}
