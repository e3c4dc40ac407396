import { type CacheEventSource, SeriesTable } from '@cache/core';
import { addressOf, type LabelNames, type MetricAddress, type Tagging } from './metric-address.ts';
import { Reservoir } from './reservoir.ts';
import { sendCount } from './send-count.ts';
import type { StatsdClient } from './statsd-client.ts';

interface Series {
  readonly count: MetricAddress;
  readonly duration: MetricAddress;
  readonly sample: Reservoir;
  pending: number;
}

/** What durations are sent as. */
export interface TimingsOptions {
  /** The metric that says how many there were. */
  readonly countName: string;
  /** The metric of the durations themselves. */
  readonly durationName: string;
  readonly labels: LabelNames;
  readonly tagging: Tagging;
  /** How many durations of one series are sent at most in one interval. */
  readonly maxPerFlush: number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

/** One kind of duration in all its series: all are counted, and of each series a sample is sent. */
export class Timings {
  readonly #series: SeriesTable<Series>;

  constructor({ countName, durationName, labels, tagging, maxPerFlush, random }: TimingsOptions) {
    this.#series = new SeriesTable((values) => ({
      count: addressOf(countName, labels, values, tagging),
      duration: addressOf(durationName, labels, values, tagging),
      sample: new Reservoir(maxPerFlush, random),
      pending: 0,
    }));
  }

  add(durationMs: number, source: CacheEventSource, first = '', second = '', third = '', times = 1): void {
    const series = this.#series.at(source, first, second, third);
    series.pending += times;
    series.sample.add(durationMs, times);
  }

  /** What the client throws is thrown, and counts that it did not take are kept. */
  flushCounts(client: StatsdClient): void {
    for (const series of this.#series.values()) {
      const { count, pending } = series;
      if (pending === 0) continue;
      sendCount(client, count, pending);
      series.pending -= pending;
    }
  }

  /** What the client throws is thrown, and durations that it did not take are lost. */
  flushDurations(client: StatsdClient): void {
    for (const { duration, sample } of this.#series.values()) {
      for (const durationMs of sample.take()) client.timing(duration.name, durationMs, [...duration.tags]);
    }
  }
}
