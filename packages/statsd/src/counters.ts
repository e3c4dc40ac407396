import { type CacheEventSource, SeriesTable } from '@cache/core';
import { addressOf, type LabelNames, type MetricAddress, type Tagging } from './metric-address.ts';
import { sendCount } from './send-count.ts';
import type { StatsdClient } from './statsd-client.ts';

interface Series {
  readonly address: MetricAddress;
  pending: number;
}

/** One counter in all its series: added up here, and sent as one number. */
export class Counters {
  readonly #series: SeriesTable<Series>;

  constructor(name: string, labels: LabelNames, tagging: Tagging) {
    this.#series = new SeriesTable((values) => ({ address: addressOf(name, labels, values, tagging), pending: 0 }));
  }

  count(source: CacheEventSource, first = '', second = '', third = '', times = 1): void {
    this.#series.at(source, first, second, third).pending += times;
  }

  /** What the client throws is thrown, and what it did not take is kept. */
  flush(client: StatsdClient): void {
    for (const series of this.#series.values()) {
      const { address, pending } = series;
      if (pending === 0) continue;
      sendCount(client, address, pending);
      series.pending -= pending;
    }
  }
}
