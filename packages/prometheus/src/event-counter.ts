import { type CacheEventSource, SeriesTable } from '@cache/core';
import { Counter } from 'prom-client';
import type { CacheMetric, MetricRegistry } from './cache-metric.ts';
import { type LabelNames, labelNamesOf, labelsOf } from './metric-labels.ts';

interface Series {
  readonly labels: Record<string, string>;
  value: number;
}

type Scraped = Awaited<ReturnType<Counter['get']>>;

/**
 * A prom-client counter that is counted without it: prom-client hashes the labels of every `inc`, which takes longer than a
 * hit in memory does. Here a count is an addition, and the labels are made when somebody scrapes.
 */
export class EventCounter extends Counter implements CacheMetric {
  readonly cacheMetricShape: string = 'counter';
  /** prom-client's own: an OpenMetrics registry takes `_total` off it when it prints. */
  declare readonly name: string;
  readonly #help: string;
  readonly #series: SeriesTable<Series>;

  constructor(name: string, help: string, labelNames: LabelNames, register: MetricRegistry) {
    super({ name, help, labelNames: labelNamesOf(labelNames), registers: [register] });
    this.#help = help;
    this.#series = new SeriesTable((values) => ({ labels: labelsOf(labelNames, values), value: 0 }));
  }

  count(source: CacheEventSource, first = '', second = '', third = '', times = 1): void {
    this.#series.at(source, first, second, third).value += times;
  }

  override async get(): Promise<Scraped> {
    const values = this.#series.values().map(({ labels, value }) => ({ labels, value }));
    return { name: this.name, help: this.#help, type: 'counter', aggregator: 'sum', values } as unknown as Scraped;
  }

  override reset(): void {
    // The base class's constructor calls it too.
    if (!(#series in this)) return;
    for (const series of this.#series.values()) series.value = 0;
  }
}
