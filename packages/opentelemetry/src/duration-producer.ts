import { type Attributes, type HrTime, ValueType } from '@opentelemetry/api';
import type { CollectedDurations, CollectedHistogram, CollectedPoint, NoResource } from './collected-durations.ts';
import type { DurationHistogram, DurationSeries, Durations } from './durations.ts';

/**
 * Adds durations up in this process and hands them to a reader of the SDK when it collects: a `MetricProducer`. A duration then
 * costs a few additions, and not the microsecond and more that an instrument takes. What it gives is cumulative, whatever the
 * exporter prefers.
 *
 * ```ts
 * const durations = new DurationProducer();
 * const reader = new PeriodicExportingMetricReader({ exporter, metricProducers: [durations] });
 * const provider = new MeterProvider({ readers: [reader] });
 * const hooks = openTelemetryHooks({ meter: provider.getMeter('shop'), durations });
 * ```
 */
export class DurationProducer implements Durations {
  readonly #histograms = new Map<string, AddedHistogram>();

  histogram(histogram: DurationHistogram): (attributes: Attributes) => DurationSeries {
    let added = this.#histograms.get(histogram.name);
    if (added === undefined) {
      added = new AddedHistogram(histogram);
      this.#histograms.set(histogram.name, added);
    }
    return (attributes) => added.series(attributes);
  }

  /** What was recorded since the beginning. Called by a reader. */
  collect(): Promise<CollectedDurations> {
    const metrics = [...this.#histograms.values()].flatMap((histogram) => histogram.collect());
    const scopeMetrics = metrics.length === 0 ? [] : [{ scope: { name: '@cache/opentelemetry' }, metrics }];
    return Promise.resolve({ resourceMetrics: { resource: NO_RESOURCE, scopeMetrics }, errors: [] });
  }
}

const NO_RESOURCE: NoResource = { attributes: {}, merge: () => NO_RESOURCE, getRawAttributes: () => [] };

class AddedHistogram {
  readonly #histogram: DurationHistogram;
  readonly #series: AddedSeries[] = [];

  constructor(histogram: DurationHistogram) {
    this.#histogram = histogram;
  }

  series(attributes: Attributes): DurationSeries {
    const series = new AddedSeries(attributes, this.#histogram.boundaries);
    this.#series.push(series);
    return series;
  }

  /** Nothing before the first series. */
  collect(): CollectedHistogram[] {
    if (this.#series.length === 0) return [];
    const { name, description } = this.#histogram;
    const endTime = now();
    return [
      {
        descriptor: { name, description, unit: 's', valueType: ValueType.DOUBLE },
        aggregationTemporality: 1,
        dataPointType: 0,
        dataPoints: this.#series.map((series) => series.collect(endTime)),
      },
    ];
  }
}

class AddedSeries implements DurationSeries {
  readonly attributes: Attributes;
  readonly #boundaries: readonly number[];
  readonly #counts: number[];
  readonly #startTime = now();
  #sum = 0;
  #count = 0;
  #min = Number.POSITIVE_INFINITY;
  #max = Number.NEGATIVE_INFINITY;

  constructor(attributes: Attributes, boundaries: readonly number[]) {
    this.attributes = attributes;
    this.#boundaries = boundaries;
    this.#counts = Array.from({ length: boundaries.length + 1 }, () => 0);
  }

  record(seconds: number, times: number): void {
    this.#sum += seconds * times;
    this.#count += times;
    if (seconds < this.#min) this.#min = seconds;
    if (seconds > this.#max) this.#max = seconds;
    const boundaries = this.#boundaries;
    let bucket = 0;
    while (bucket < boundaries.length && seconds > (boundaries[bucket] as number)) bucket += 1;
    this.#counts[bucket] = (this.#counts[bucket] as number) + times;
  }

  collect(endTime: HrTime): CollectedPoint {
    const buckets = { boundaries: [...this.#boundaries], counts: [...this.#counts] };
    const value = { buckets, sum: this.#sum, count: this.#count, min: this.#min, max: this.#max };
    return { startTime: this.#startTime, endTime, attributes: this.attributes, value };
  }
}

function now(): HrTime {
  const ms = Date.now();
  return [Math.floor(ms / 1000), (ms % 1000) * 1_000_000];
}
