import { type CacheEventSource, SeriesTable } from '@cache/core';
import type { Attributes, Meter } from '@opentelemetry/api';
import { counterAttributes } from './attributes.ts';

interface Series {
  readonly attributes: Attributes;
  value: number;
}

/** What a counter is called and what its own attributes are; `''` for those that it does not have. */
export interface EventCounterOptions {
  readonly name: string;
  readonly description: string;
  readonly unit: string;
  readonly attributes: readonly [string, string, string];
}

/** Counts here, and is asked when metrics are collected: an SDK hashes the attributes of every `add`. */
export class EventCounter {
  readonly #series: SeriesTable<Series>;

  constructor(meter: Meter, { name, description, unit, attributes }: EventCounterOptions) {
    this.#series = new SeriesTable((values) => ({ attributes: counterAttributes(attributes, values), value: 0 }));
    meter.createObservableCounter(name, { description, unit }).addCallback((result) => {
      for (const { attributes: own, value } of this.#series.values()) result.observe(value, own);
    });
  }

  count(source: CacheEventSource, first = '', second = '', third = '', times = 1): void {
    this.#series.at(source, first, second, third).value += times;
  }
}
