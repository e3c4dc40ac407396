import { type CacheEventSource, SeriesTable } from '@cache/core';
import { Histogram } from 'prom-client';
import { BucketCounts } from './bucket-counts.ts';
import type { CacheMetric, MetricRegistry } from './cache-metric.ts';
import { type LabelNames, labelNamesOf, labelsOf } from './metric-labels.ts';

interface Series {
  readonly labels: Record<string, string>;
  readonly seconds: BucketCounts;
}

type Scraped = Awaited<ReturnType<Histogram['get']>>;
type ScrapedValue = Scraped['values'][number];

/** A prom-client histogram in seconds that is counted without it, for the reason that `EventCounter` gives. */
export class DurationHistogram extends Histogram implements CacheMetric {
  readonly cacheMetricShape: string;
  readonly #name: string;
  readonly #help: string;
  readonly #buckets: readonly number[];
  readonly #series: SeriesTable<Series>;

  /** @param buckets upper bounds in seconds, ascending */
  constructor(
    name: string,
    help: string,
    labelNames: LabelNames,
    buckets: readonly number[],
    register: MetricRegistry,
  ) {
    super({ name, help, labelNames: labelNamesOf(labelNames), buckets: [...buckets], registers: [register] });
    this.cacheMetricShape = histogramShape(buckets);
    this.#name = name;
    this.#help = help;
    this.#buckets = buckets;
    this.#series = new SeriesTable((values) => ({
      labels: labelsOf(labelNames, values),
      seconds: new BucketCounts(buckets),
    }));
  }

  /** Counts a duration, once or as often as `times` says. */
  record(durationMs: number, source: CacheEventSource, first: string, second: string, third: string, times = 1): void {
    this.#series.at(source, first, second, third).seconds.record(durationMs / 1000, times);
  }

  override async get(): Promise<Scraped> {
    const values = this.#series.values().flatMap((series) => this.#scrape(series));
    return { name: this.#name, help: this.#help, type: 'histogram', aggregator: 'sum', values } as unknown as Scraped;
  }

  /** What prom-client 15.1 asks instead of `get` when it prints. */
  getForPromString(): Promise<Scraped> {
    return this.get();
  }

  override reset(): void {
    // The base class's constructor calls it too.
    if (!(#series in this)) return;
    for (const { seconds } of this.#series.values()) seconds.reset();
  }

  #scrape({ labels, seconds }: Series): ScrapedValue[] {
    const cumulative = seconds.cumulative();
    const bounds: (number | string)[] = [...this.#buckets, '+Inf'];
    return [
      ...bounds.map((le, index) => ({
        metricName: `${this.#name}_bucket`,
        labels: { le, ...labels },
        value: cumulative[index] ?? seconds.count,
      })),
      { metricName: `${this.#name}_sum`, labels, value: seconds.sum },
      { metricName: `${this.#name}_count`, labels, value: seconds.count },
    ];
  }
}

/** Two users of one histogram must agree on its buckets. */
export function histogramShape(buckets: readonly number[]): string {
  return `histogram ${buckets.join(' ')}`;
}
