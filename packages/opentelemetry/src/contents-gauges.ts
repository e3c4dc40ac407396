import type { CacheContents, CacheEventSource } from '@cache/core';
import type { Attributes, BatchObservableResult, Meter, Observable } from '@opentelemetry/api';

interface Watched {
  readonly attributes: Attributes;
  readonly contents: () => CacheContents;
}

/** What watched caches hold, asked when metrics are collected. A source that fails is left out. */
export class ContentsGauges {
  readonly #items: Observable;
  readonly #bytes: Observable;
  readonly #watched = new Map<string, Watched>();
  #hasWarned = false;

  /** @param beforeCollection is called first when metrics are collected: an SDK asks observable instruments before others */
  constructor(meter: Meter, beforeCollection: () => void) {
    this.#items = meter.createObservableUpDownCounter('cache.items', { description: 'Items held.', unit: '{item}' });
    this.#bytes = meter.createObservableUpDownCounter('cache.size', {
      description: 'Bytes held, as the cache counts them.',
      unit: 'By',
    });
    const observe = (result: BatchObservableResult): void => {
      beforeCollection();
      this.#observe(result);
    };
    meter.addBatchObservableCallback(observe, [this.#items, this.#bytes]);
  }

  watch({ cache, backend }: CacheEventSource, contents: () => CacheContents): void {
    this.#watched.set(`${backend}\0${cache}`, {
      attributes: { 'cache.name': cache, 'cache.backend': backend },
      contents,
    });
  }

  #observe(result: BatchObservableResult): void {
    for (const { attributes, contents } of this.#watched.values()) {
      try {
        const { itemsCount, bytes } = contents();
        if (itemsCount !== undefined) result.observe(this.#items, itemsCount, attributes);
        if (bytes !== undefined) result.observe(this.#bytes, bytes, attributes);
      } catch (error) {
        this.#warn(String(attributes['cache.name']), error);
      }
    }
  }

  #warn(cache: string, error: unknown): void {
    if (this.#hasWarned) return;
    this.#hasWarned = true;
    const name = error instanceof Error ? error.name : typeof error;
    process.emitWarning(`The contents of cache "${cache}" could not be read (${name}); its sizes are left out.`, {
      code: 'CACHE_CONTENTS_FAILED',
    });
  }
}
