import type { CacheContents, CacheEventSource } from '@cache/core';
import { Gauge } from 'prom-client';
import type { CacheMetric, MetricRegistry } from './cache-metric.ts';

/** Says what a cache holds now. */
export type ContentsSource = () => CacheContents;

type Scraped = Awaited<ReturnType<Gauge['get']>>;

/** A prom-client gauge of what watched caches hold, asked when somebody scrapes. */
export class ContentsGauge extends Gauge implements CacheMetric {
  readonly cacheMetricShape: string = 'gauge';
  readonly #name: string;
  readonly #help: string;
  readonly #field: keyof CacheContents;
  readonly #watched = new Map<string, { readonly source: CacheEventSource; readonly contents: ContentsSource }>();
  #hasWarned = false;

  constructor(name: string, help: string, field: keyof CacheContents, register: MetricRegistry) {
    super({ name, help, labelNames: ['cache', 'backend'], registers: [register] });
    this.#name = name;
    this.#help = help;
    this.#field = field;
  }

  watch({ cache, backend }: CacheEventSource, contents: ContentsSource): void {
    this.#watched.set(`${backend}\0${cache}`, { source: { cache, backend }, contents });
  }

  override async get(): Promise<Scraped> {
    const values = [...this.#watched.values()].flatMap(({ source, contents }) => {
      const value = this.#ask(source, contents);
      return value === undefined ? [] : [{ labels: { cache: source.cache, backend: source.backend }, value }];
    });
    return { name: this.#name, help: this.#help, type: 'gauge', aggregator: 'sum', values } as unknown as Scraped;
  }

  /** A source that fails must not take all other metrics of the process with it. */
  #ask({ cache }: CacheEventSource, contents: ContentsSource): number | undefined {
    try {
      const value = contents()[this.#field];
      return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
    } catch (error) {
      if (this.#hasWarned) return undefined;
      this.#hasWarned = true;
      const name = error instanceof Error ? error.name : typeof error;
      process.emitWarning(`The contents of cache "${cache}" could not be read (${name}); its sizes are left out.`, {
        code: 'CACHE_CONTENTS_FAILED',
      });
      return undefined;
    }
  }
}
