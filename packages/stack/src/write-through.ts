import {
  type CacheOperation,
  CacheTimeoutError,
  type Expiration,
  entryListOf,
  type SetOptions,
  validateKeyList,
} from '@cache/core';
import { CachedCopies, type SettledWrite } from './cached-copies.ts';
import { KeyOrder } from './key-order.ts';
import type { ReadThroughCache } from './read-through-cache.ts';
import type { Store } from './store.ts';
import { StoreBackedCache, type StoreBackedOptions, storeTimeoutMsOf, timersOf } from './store-backed-cache.ts';
import { type StoreCall, StoreCalls } from './store-calls.ts';
import { mayHaveHappened } from './store-failure.ts';
import type { Timers } from './timers.ts';

/** How writes go through. */
export interface WriteThroughOptions extends StoreBackedOptions {}

/**
 * A cache whose writes are in the store when they fulfil, and whose reads load from it.
 *
 * Invariant: after a write fulfilled, no read that starts later answers with what was before it. The store is written first
 * and the copy removed after: a read in between may answer with the old value and keep it, and that copy is what the removal
 * ends, or what it fences off while it is being loaded.
 */
export class WriteThroughCache<V = unknown> extends StoreBackedCache<V> {
  readonly #calls: StoreCalls<V>;
  readonly #copies: CachedCopies<V>;
  readonly #order: KeyOrder = new KeyOrder();
  readonly #timers: Timers;
  readonly #timeoutMs: number;

  /** @throws CacheOptionError */
  constructor(cache: ReadThroughCache<V>, store: Store<V>, options: WriteThroughOptions) {
    super(cache, store, options);
    this.#timers = timersOf(options);
    this.#timeoutMs = storeTimeoutMsOf(options);
    this.#calls = new StoreCalls(store, { timeoutMs: this.#timeoutMs, graceMs: 0 }, this.#timers);
    this.#copies = new CachedCopies(cache);
  }

  /**
   * Writes to the store, then removes or replaces the copy. Writes of one key are carried out in the order of the calls.
   *
   * @throws what the store throws, unchanged; CacheTimeoutError when it takes longer than `storeTimeoutMs`, or those before
   * it do: then it was not sent; and what the cache throws if the store has the value but the old copy could not be removed
   */
  async set(key: string, value: NonNullable<V>, options?: Expiration | SetOptions): Promise<void> {
    const write = this.validWrite('set', this.validKey('set', key), value, options);
    const settled = [{ key, copy: this.copyOf(write) }];
    await this.#inTurn('set', [key], async () => {
      await this.#inStore([key], (call) => this.#calls.write(key, value, call));
      await this.#settle(settled);
    });
  }

  /** Removes it from the store, then the copy. True if there was a copy; what the store had is not asked. */
  async removeItem(key: string): Promise<boolean> {
    this.validKey('removeItem', key);
    return this.#inTurn('removeItem', [key], async () => {
      await this.#inStore([key], (call) => this.#calls.remove(key, call));
      return (await this.#copies.remove([key])) > 0;
    });
  }

  /** As `set` for each entry, in one call where the store has `writeMany`. If it rejects, any part may have been written. */
  async mset(entries: Iterable<readonly [string, NonNullable<V>]>, options?: Expiration | SetOptions): Promise<void> {
    this.refuseIfClosed('mset');
    const last = new Map(entryListOf(entries, { operation: 'mset', backend: 'stack' }));
    const settled = [...last].map(([key, value]) => {
      const write = this.validWrite('mset', this.validKey('mset', key), value, options);
      return { key, copy: this.copyOf(write) };
    });
    if (settled.length === 0) return;
    const keys = [...last.keys()];
    await this.#inTurn('mset', keys, async () => {
      await this.#inStore(keys, (call) => {
        const many = this.#calls.writeMany([...last], call);
        return many ?? together([...last].map(([key, value]) => this.#calls.write(key, value, call)));
      });
      await this.#settle(settled);
    });
  }

  /** As `removeItem` for each key, in one call where the store has `removeMany`. Says how many had a copy, at most. */
  async removeItems(keys: readonly string[]): Promise<number> {
    this.refuseIfClosed('removeItems');
    validateKeyList(keys, { operation: 'removeItems', backend: 'stack' });
    const distinct = [...new Set(keys)].map((key) => this.validKey('removeItems', key));
    if (distinct.length === 0) return 0;
    return this.#inTurn('removeItems', distinct, async () => {
      await this.#inStore(distinct, (call) => {
        const many = this.#calls.removeMany(distinct, call);
        return many ?? together(distinct.map((key) => this.#calls.remove(key, call)));
      });
      return this.#copies.remove(distinct);
    });
  }

  /** Waits for the writes under way, each within its time. Closes neither cache nor store. */
  async close(): Promise<void> {
    this.refuseCalls();
    await this.#order.idle();
  }

  protected override queued(): undefined {
    return undefined;
  }

  /** Without a limit of its own the last of many would wait as often for a store that hangs as there are before it. */
  #inTurn<T>(operation: CacheOperation, keys: readonly string[], work: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      let isGivenUp = false;
      const cancel = this.#timers.after(this.#timeoutMs, () => {
        isGivenUp = true;
        const message = `The writes before it of its key took ${this.#timeoutMs} ms: this one was not sent to the store.`;
        reject(new CacheTimeoutError(message, { operation, backend: 'stack', ambiguous: false }));
      });
      const turn = async (): Promise<void> => {
        if (isGivenUp) return;
        cancel();
        await work().then(resolve, reject);
      };
      void this.#order.run(keys, turn);
    });
  }

  /**
   * A write that failed leaves the copy as it was, if it is known not to have happened. Otherwise it goes: now, and once more
   * when the store answers after all. Of many, some may have happened.
   */
  async #inStore(keys: readonly string[], write: (call: StoreCall) => Promise<unknown>): Promise<void> {
    const forget = async (): Promise<void> => {
      // The caller gets the store's own error; the copy's lifetime is the last resort.
      await this.#copies.remove(keys).catch(() => {});
    };
    try {
      await write({ onLate: () => void forget() });
    } catch (error) {
      if (keys.length > 1 || mayHaveHappened(error)) await forget();
      throw error;
    }
  }

  /** A copy that could not be replaced is removed: the old one is wrong in any case. */
  async #settle(writes: readonly SettledWrite<V>[]): Promise<void> {
    try {
      await this.#copies.settle(writes);
    } catch (error) {
      const replaced = writes.flatMap(({ key, copy }) => (copy === undefined ? [] : [key]));
      await this.#copies.remove(replaced).catch(() => {});
      throw error;
    }
  }
}

/**
 * Puts a store behind a cache: writes go to the store first, reads load from it.
 *
 * ```ts
 * const users = writeThrough(createCache({ l1, l2 }), { load: findUser, write: upsertUser, remove: deleteUser });
 * await users.set('user:1', { name: 'Ada' }); // in the store now
 * ```
 *
 * @throws CacheOptionError if a part is missing
 */
export function writeThrough<V = unknown>(
  // What the store holds is what the cache holds: a cache without a type takes the store's.
  cache: ReadThroughCache<NoInfer<V>>,
  store: Store<V>,
  options: WriteThroughOptions = {},
): WriteThroughCache<V> {
  return new WriteThroughCache(cache, store, options);
}

/** Waits for all, and fails with the first failure: what is still under way then would outlive its place in the order. */
async function together(calls: readonly Promise<void>[]): Promise<void> {
  const ends = await Promise.allSettled(calls);
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
}
