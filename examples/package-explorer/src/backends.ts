import { type AsyncCache, type CacheHooks, type IterableCache, toAsync } from '@cache/core';

/** A cache for the explorer, and how to end it and whatever was started for it. */
export interface Backend {
  readonly cache: AsyncCache & IterableCache;
  /** Where it runs, for people to read. */
  readonly origin: string;
  close(): Promise<void>;
}

/** The backends by the name that `--backend` takes. Each is loaded only when it is asked for. */
export const BACKENDS = {
  async memory(hooks: CacheHooks): Promise<Backend> {
    const { InMemoryCache } = await import('@cache/memory');
    const cache = toAsync(new InMemoryCache({ maxSize: 1_000, hooks }));
    return { cache, origin: 'in this process', close: () => cache.close() };
  },
};

/** What `--backend` takes. */
export type BackendName = keyof typeof BACKENDS;
