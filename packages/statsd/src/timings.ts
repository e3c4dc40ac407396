import { type CacheEventSource, SeriesTable } from '@cache/core';
import { addressOf, type LabelNames, type MetricAddress, type Tagging } from './metric-address.ts';
import { Reservoir } from './reservoir.ts';
import type { StatsdClient } from './statsd-client.ts';

interface Series {
  readonly address: MetricAddress;
  readonly sample: Reservoir;
}

/** One kind of duration in all its series: of each, a sample is sent. */
export class Timings {
  readonly #series: SeriesTable<Series>;

  constructor(name: string, labels: LabelNames, tagging: Tagging, maxPerFlush: number, random: () => number) {
    this.#series = new SeriesTable((values) => ({
      address: addressOf(name, labels, values, tagging),
      sample: new Reservoir(maxPerFlush, random),
    }));
  }

  add(durationMs: number, source: CacheEventSource, first = '', second = '', third = ''): void {
    this.#series.at(source, first, second, third).sample.add(durationMs);
  }

  flush(client: StatsdClient): void {
    for (const { address, sample } of this.#series.values()) {
      for (const durationMs of sample.take()) client.timing(address.name, durationMs, [...address.tags]);
    }
  }
}
