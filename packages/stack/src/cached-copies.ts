import type { SetOptions } from '@cache/core';
import type { ReadThroughCache } from './read-through-cache.ts';
import { isQueued } from './store-error.ts';

/** What is done with the cached copy once the store has a write. */
export type AfterWrite = 'remove' | 'set';

/** A write that the store has, and how a copy of it may be kept; without that none is. */
export interface SettledWrite<V> {
  readonly key: string;
  readonly copy: { readonly value: NonNullable<V>; readonly options: SetOptions } | undefined;
}

/** Tells a cache what the store has. */
export class CachedCopies<V> {
  readonly #cache: ReadThroughCache<V>;

  constructor(cache: ReadThroughCache<V>) {
    this.#cache = cache;
  }

  /** Replaces or removes the copies. A failure means that old ones may still be there, unless its error says `queued`. */
  async settle(writes: readonly SettledWrite<V>[]): Promise<void> {
    const removed = writes.flatMap(({ key, copy }) => (copy === undefined ? [key] : []));
    await settled<unknown>([
      this.remove(removed),
      ...writes.map(async ({ key, copy }) => {
        if (copy !== undefined) await this.#cache.set(key, copy.value, copy.options);
      }),
    ]);
  }

  /** True if there is a copy. */
  has(key: string): Promise<boolean> {
    return this.#cache.exists(key);
  }

  /** Removes the copies, and says how many there were. */
  async remove(keys: readonly string[]): Promise<number> {
    const [first] = keys;
    if (first === undefined) return 0;
    if (keys.length === 1) return (await this.#cache.removeItem(first)) ? 1 : 0;
    const { removeItems } = this.#cache;
    if (removeItems !== undefined) return removeItems.call(this.#cache, keys);
    const removed = await settled(keys.map((key) => this.#cache.removeItem(key)));
    return removed.filter((wasThere) => wasThere).length;
  }
}

/**
 * Waits for all: what is still under way after the answer would come after newer writes. A failure that the cache makes up
 * for does not hide one that it does not.
 */
async function settled<T>(calls: readonly Promise<T>[]): Promise<T[]> {
  const ends = await Promise.allSettled(calls);
  const errors: unknown[] = ends.flatMap((end) => (end.status === 'rejected' ? [end.reason] : []));
  if (errors.length > 0) throw errors.find((error) => !isQueued(error)) ?? errors[0];
  return Promise.all(calls);
}
