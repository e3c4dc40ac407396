import type { CacheContents, CacheEventSource } from '@cache/core';
import { addressOf, type MetricAddress, type Tagging } from './metric-address.ts';
import type { StatsdClient } from './statsd-client.ts';

interface Watched {
  readonly items: MetricAddress;
  readonly bytes: MetricAddress;
  readonly contents: () => CacheContents;
}

/** What watched caches hold, asked at each flush. */
export class Gauges {
  readonly #prefix: string;
  readonly #tagging: Tagging;
  readonly #watched = new Map<string, Watched>();

  constructor(prefix: string, tagging: Tagging) {
    this.#prefix = prefix;
    this.#tagging = tagging;
  }

  watch({ cache, backend }: CacheEventSource, contents: () => CacheContents): void {
    const address = (name: string): MetricAddress =>
      addressOf(this.#prefix + name, ['', '', ''], [cache, backend, '', '', ''], this.#tagging);
    this.#watched.set(`${backend}\0${cache}`, { items: address('items'), bytes: address('bytes'), contents });
  }

  /** All that can be asked are sent; then the first failure is thrown. */
  flush(client: StatsdClient): void {
    const failures: unknown[] = [];
    for (const { items, bytes, contents } of this.#watched.values()) {
      try {
        const held = contents();
        send(client, items, held.itemsCount);
        send(client, bytes, held.bytes);
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }
}

function send(client: StatsdClient, { name, tags }: MetricAddress, value: number | undefined): void {
  if (value !== undefined) client.gauge(name, value, 1, [...tags]);
}
