import {
  CacheClosedError,
  CacheTimeoutError,
  type Expiration,
  entryListOf,
  type SetOptions,
  validateKeyList,
} from '@cache/core';
import { CachedCopies } from './cached-copies.ts';
import { counted } from './counted.ts';
import type { WriteOperation } from './queued-write.ts';
import type { ReadThroughCache } from './read-through-cache.ts';
import type { Store } from './store.ts';
import { queuedValue, StoreBackedCache, storeTimeoutMsOf, timersOf } from './store-backed-cache.ts';
import { StoreCalls } from './store-calls.ts';
import { validatePatience } from './validate-patience.ts';
import type { WriteBehindOptions } from './write-behind-options.ts';
import { type WriteBehindStatistics, WriteDriver } from './write-driver.ts';
import { WriteFlusher } from './write-flusher.ts';

/** How long something may take that waits for the queue to be empty. */
export interface DrainOptions {
  /** @default 10,000 */
  readonly withinMs?: number;
}

const DEFAULT_DRAIN_MS = 10_000;

/**
 * A cache whose writes are queued for the store, and whose reads load from it.
 *
 * Invariants:
 * - a read in this process that starts after a write fulfilled answers with it, or with a newer one: from the queue until the
 *   store has it and the old copy is gone, from the store afterwards;
 * - the cache never holds a value that the store does not have, so a process that dies takes nothing along that others saw.
 */
export class WriteBehindCache<V = unknown> extends StoreBackedCache<V> {
  readonly #calls: StoreCalls<V>;
  readonly #driver: WriteDriver<V>;
  readonly #copies: CachedCopies<V>;
  readonly #hasJournal: boolean;
  readonly #onUndrained: WriteBehindOptions<V>['onUndrained'];
  #closing: Promise<void> | undefined;

  /** @throws CacheOptionError */
  constructor(cache: ReadThroughCache<V>, store: Store<V>, options: WriteBehindOptions<V>) {
    super(cache, store, options);
    const timers = timersOf(options);
    const timeoutMs = storeTimeoutMsOf(options);
    // To repeat a write while the store may still carry it out would be to carry it out after newer ones.
    const calls = new StoreCalls(store, { timeoutMs, graceMs: timeoutMs }, timers);
    this.#calls = calls;
    this.#copies = new CachedCopies(cache);
    this.#driver = new WriteDriver(calls, new WriteFlusher(calls, this.#copies), this.#copies, timers, options);
    this.#hasJournal = options.journal !== undefined;
    this.#onUndrained = options.onUndrained;
  }

  /** What is queued now, and what has happened since the cache was made. */
  get statistics(): WriteBehindStatistics {
    return this.#driver.statistics;
  }

  /**
   * Queues the write. With a journal it fulfils once the journal has it; the store has it later. Do not change the value
   * afterwards: what is written is the value as it is then.
   *
   * @throws CacheTimeoutError when the queue has no room within `roomTimeoutMs`, CacheUnavailableError when too many wait for
   * room or the journal cannot keep the write: then it is not queued
   */
  async set(key: string, value: NonNullable<V>, options?: Expiration | SetOptions): Promise<void> {
    const write = this.validWrite('set', this.validKey('set', key), value, options);
    const copy = this.copyOf(write)?.options;
    await this.#driver.offer('set', key, { kind: 'write', value, ...(copy !== undefined && { copy }) });
  }

  /** Queues the removal. True if there was something in the queue or the cache; what the store has is not asked. */
  async removeItem(key: string): Promise<boolean> {
    // Asked first, and not waited for: what is called next must not pass this removal.
    const asked = this.#hasCopy(this.validKey('removeItem', key));
    const [wasThere] = await Promise.all([asked, this.#driver.offer('removeItem', key, { kind: 'remove' })]);
    return wasThere;
  }

  /** As `set` for each entry. If it rejects, some may be queued. */
  async mset(entries: Iterable<readonly [string, NonNullable<V>]>, options?: Expiration | SetOptions): Promise<void> {
    this.refuseIfClosed('mset');
    const last = new Map(entryListOf(entries, { operation: 'mset', backend: 'stack' }));
    const offers = [...last].map(([key, value]) => {
      const copy = this.copyOf(this.validWrite('mset', this.validKey('mset', key), value, options))?.options;
      return { key, operation: { kind: 'write', value, ...(copy !== undefined && { copy }) } as const };
    });
    await settleAll(offers.map(({ key, operation }) => this.#driver.offer('mset', key, operation)));
  }

  /** As `removeItem` for each key. If it rejects, some may be queued. */
  async removeItems(keys: readonly string[]): Promise<number> {
    validateKeyList(keys, { operation: 'removeItems', backend: 'stack' });
    const distinct = [...new Set(keys)].map((key) => this.validKey('removeItems', key));
    const removed = await settleAll(distinct.map((key) => this.removeItem(key)));
    return removed.filter((wasThere) => wasThere).length;
  }

  /**
   * Brings everything to the store that is queued, without waiting for more to travel with.
   *
   * @throws CacheTimeoutError when something is still queued after `withinMs`
   */
  async flush({ withinMs = DEFAULT_DRAIN_MS }: DrainOptions = {}): Promise<void> {
    this.refuseIfClosed('set');
    validatePatience('withinMs', withinMs, 'set');
    if (await this.#driver.drain(withinMs)) return;
    throw this.#undrainedError('set', this.#driver.remaining().length, withinMs);
  }

  /**
   * Takes no more calls, brings what is queued to the store, and gives up after `withinMs`. Closes neither cache, store nor
   * journal.
   *
   * @throws CacheTimeoutError with the number of writes that did not reach the store; they are handed to `onUndrained`, and
   * with a journal are replayed by the next process
   */
  override close({ withinMs = DEFAULT_DRAIN_MS }: DrainOptions = {}): Promise<void> {
    if (this.#closing !== undefined) return this.#closing;
    try {
      validatePatience('withinMs', withinMs, 'close');
    } catch (error) {
      return Promise.reject(error);
    }
    this.#closing = this.#close(withinMs);
    return this.#closing;
  }

  protected override queued(key: string): WriteOperation<V> | undefined {
    return this.#driver.latest(key);
  }

  async #close(withinMs: number): Promise<void> {
    this.refuseCalls();
    const isDrained = await this.#driver.drain(withinMs);
    const remaining = this.#driver.end(new CacheClosedError('The cache is closed.', { backend: 'stack' }));
    if (isDrained) return;
    const error = this.#undrainedError('close', remaining.length, withinMs);
    const undrained = remaining.map(({ key, operation }) => ({
      key,
      kind: operation.kind,
      value: queuedValue(operation),
    }));
    try {
      if (this.#onUndrained !== undefined) {
        await this.#calls.within('set', async () => this.#onUndrained?.(undrained));
      }
    } catch (failure) {
      this.#driver.report('The handler of undrained writes failed.', failure);
    }
    throw error;
  }

  #undrainedError(operation: 'set' | 'close', count: number, withinMs: number): CacheTimeoutError {
    const fate = this.#hasJournal
      ? `The journal has ${count === 1 ? 'it' : 'them'}.`
      : operation === 'close'
        ? `${count === 1 ? 'It is' : 'They are'} in no journal.`
        : `${count === 1 ? 'It stays' : 'They stay'} queued.`;
    return new CacheTimeoutError(
      `${counted(count, 'queued write')} did not reach the store within ${withinMs} ms. ${fate}`,
      {
        operation,
        backend: 'stack',
        queued: this.#hasJournal || operation === 'set',
      },
    );
  }

  async #hasCopy(key: string): Promise<boolean> {
    const queued = this.queued(key);
    return queued === undefined ? this.#copies.has(key).catch(() => false) : queued.kind === 'write';
  }
}

/**
 * Puts a store behind a cache: writes are queued and brought to the store in batches, reads load from it.
 *
 * ```ts
 * await using journal = await FileJournal.open({ directory: '/var/lib/shop/writes' });
 * await using users = writeBehind(createCache({ l1, l2 }), store, { journal });
 * await users.set('user:1', { name: 'Ada' }); // in the journal now, in the store soon
 * ```
 *
 * @throws CacheOptionError if a part is missing or an option out of range
 */
export function writeBehind<V = unknown>(
  // What the store holds is what the cache holds: a cache without a type takes the store's.
  cache: ReadThroughCache<NoInfer<V>>,
  store: Store<V>,
  options: WriteBehindOptions<V> = {},
): WriteBehindCache<V> {
  return new WriteBehindCache(cache, store, options);
}

/** Waits for all, so that nothing goes on after the answer, and fails with the first failure. */
async function settleAll<T>(calls: readonly Promise<T>[]): Promise<T[]> {
  await Promise.allSettled(calls);
  return Promise.all(calls);
}
