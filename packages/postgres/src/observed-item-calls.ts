import type { CacheItem, Expiration, SetOptions } from '@cache/core';
import type { CallObserver } from './call-observer.ts';
import type { ItemCalls, SizedValue } from './item-calls.ts';
import type { InFlight } from './program-order.ts';

/** {@link ItemCalls}, each of which the hooks hear of. Without hooks nothing is measured, nor asked for its size. */
export class ObservedItemCalls {
  readonly #calls: ItemCalls;
  readonly #observer: CallObserver;

  constructor(calls: ItemCalls, observer: CallObserver) {
    this.#calls = calls;
    this.#observer = observer;
  }

  get(key: string): Promise<unknown> {
    if (this.#observer.hooks !== undefined) return this.#getSized(key);
    // The most frequent call: not even a closure is made for it.
    try {
      return this.#calls.get(key);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  mget(keys: readonly string[]): Promise<unknown[]> {
    if (this.#observer.hooks !== undefined) return this.#mgetSized(keys);
    return this.#observer.run('mget', () => this.#calls.mget(keys));
  }

  set(key: string, value: unknown, options: Expiration | SetOptions | undefined): Promise<void> {
    let size = 0;
    const onBytes = (bytes: number): void => {
      size = bytes;
    };
    return this.#observer.run(
      'set',
      () => this.#calls.set(key, value, options, onBytes),
      (hooks, _answer, durationMs) => {
        hooks.set('set', key, durationMs, size);
        return 'done';
      },
    );
  }

  async mset(
    entries: Iterable<readonly [key: string, value: unknown]>,
    options: Expiration | SetOptions | undefined,
  ): Promise<void> {
    await this.#observer.run(
      'mset',
      () => this.#calls.mset(entries, options),
      (hooks, stored, durationMs) => {
        for (const [key, bytes] of stored) hooks.set('mset', key, durationMs, bytes);
        return 'done';
      },
    );
  }

  removeItem(key: string): Promise<boolean> {
    return this.#observer.run(
      'removeItem',
      () => this.#calls.removeItem(key),
      (hooks, wasLive, durationMs) => {
        if (wasLive) hooks.remove('removeItem', key, durationMs);
        return 'done';
      },
    );
  }

  async removeItems(keys: readonly string[]): Promise<number> {
    const removed = await this.#observer.run(
      'removeItems',
      () => this.#calls.removeItems(keys),
      (hooks, live, durationMs) => {
        for (const key of live) hooks.remove('removeItems', key, durationMs);
        return 'done';
      },
    );
    return removed.length;
  }

  exists(key: string): Promise<boolean> {
    return this.#observer.run('exists', () => this.#calls.exists(key));
  }

  inspect(key: string): Promise<CacheItem | undefined> {
    return this.#observer.run('inspect', () => this.#calls.inspect(key));
  }

  /** The reads of this key that are queued or under way. */
  reading(key: string): InFlight[] {
    return this.#calls.reading(key);
  }

  /** Fulfils when every `get` and `mget` known now is settled. */
  settleReads(): Promise<void> {
    return this.#calls.settleReads();
  }

  async #getSized(key: string): Promise<unknown> {
    const { value } = await this.#observer.run<SizedValue>(
      'get',
      async () => this.#calls.getSized(key),
      (hooks, found, durationMs) => {
        if (found.value === undefined) hooks.miss('get', key, durationMs);
        else hooks.hit('get', key, durationMs, found.bytes);
        return found.value === undefined ? 'miss' : 'hit';
      },
    );
    return value;
  }

  async #mgetSized(keys: readonly string[]): Promise<unknown[]> {
    const found = await this.#observer.run(
      'mget',
      async () => this.#calls.mgetSized(keys),
      (hooks, values, durationMs) => {
        for (const [index, { value, bytes }] of values.entries()) {
          const key = keys[index] as string;
          if (value === undefined) hooks.miss('mget', key, durationMs);
          else hooks.hit('mget', key, durationMs, bytes);
        }
        return 'done';
      },
    );
    return found.map(({ value }) => value);
  }
}
