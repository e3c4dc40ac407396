import { type CacheEventSource, type CacheOperation, type CacheOutcome, SeriesTable } from '@cache/core';
import type { Histogram, Meter } from '@opentelemetry/api';
import { callAttributes, databaseSystemOf } from './attributes.ts';
import type { DurationSeries } from './deferred-durations.ts';

/** What the convention for `db.client.operation.duration` says. */
const DATABASE_BOUNDARIES = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10];
/** The same, and finer below a millisecond, where memory answers. */
const CACHE_BOUNDARIES = [0.000_01, 0.000_1, ...DATABASE_BOUNDARIES];

/**
 * The histograms of calls, in seconds: `db.client.operation.duration` for backends that are databases,
 * `cache.operation.duration` for the others.
 */
export class CallDurations {
  readonly #succeeded: SeriesTable<DurationSeries>;
  readonly #failed: SeriesTable<DurationSeries>;

  constructor(meter: Meter) {
    const database = histogram(
      meter,
      'db.client.operation.duration',
      'Duration of database client operations.',
      DATABASE_BOUNDARIES,
    );
    const cache = histogram(meter, 'cache.operation.duration', 'Duration of calls of a cache.', CACHE_BOUNDARIES);
    const of = (backend: string): Histogram => (databaseSystemOf(backend) === undefined ? cache : database);
    this.#succeeded = new SeriesTable(([name, backend, level, operation, outcome]) => ({
      histogram: of(backend),
      attributes: callAttributes(name, backend, {
        operation: operation as CacheOperation,
        outcome: outcome as CacheOutcome,
        level,
        errorType: '',
      }),
    }));
    this.#failed = new SeriesTable(([name, backend, operation, errorType]) => ({
      histogram: of(backend),
      attributes: callAttributes(name, backend, {
        operation: operation as CacheOperation,
        outcome: 'error',
        level: '',
        errorType,
      }),
    }));
  }

  succeeded(source: CacheEventSource, level: string, operation: CacheOperation, outcome: CacheOutcome): DurationSeries {
    return this.#succeeded.at(source, level, operation, outcome);
  }

  failed(source: CacheEventSource, operation: CacheOperation, errorType: string): DurationSeries {
    return this.#failed.at(source, operation, errorType, '');
  }
}

function histogram(meter: Meter, name: string, description: string, explicitBucketBoundaries: number[]): Histogram {
  return meter.createHistogram(name, { description, unit: 's', advice: { explicitBucketBoundaries } });
}
