import {
  type AsyncCache,
  type BatchCache,
  CacheClosedError,
  type CacheErrorContext,
  type CacheOperation,
  CacheOptionError,
  type CleanupOptions,
  type Expiration,
  type Interruptible,
  type SetOptions,
  tagsOf,
  validateExpiration,
  validateKey,
  validateKeyList,
  validateValue,
} from '@cache/core';
import type { ManyLoader } from './batch-load.ts';
import type { AfterWrite } from './cached-copies.ts';
import type { GetOrSetOptions, Loader, LoadOptions } from './get-or-set-options.ts';
import type { WriteOperation } from './queued-write.ts';
import type { CopyCalls, ReadThroughCache } from './read-through-cache.ts';
import type { Store } from './store.ts';
import { systemTimers, type Timers } from './timers.ts';

/** How a cache stands before a store. */
export interface StoreBackedOptions {
  /**
   * How reads load and keep copies.
   * @default the cache's own defaults
   */
  readonly load?: LoadOptions;
  /**
   * What becomes of the cached copy once the store has a write. `'remove'`: the next read loads it, coherent whoever else
   * writes. `'set'`: it is replaced, which is coherent only where one process at a time writes a key.
   * @default 'remove'
   */
  readonly afterWrite?: AfterWrite;
  /**
   * Give a write up after this time: its signal is aborted and its outcome unknown. A write-behind cache gives the store
   * as long again to confirm that, before it repeats the write; a write-through cache lets a write wait as long for those of
   * its key that came before it.
   * @default 10,000
   */
  readonly storeTimeoutMs?: number;
  /**
   * Time behind one seam, for tests.
   * @default the process's own
   */
  readonly timers?: Timers;
}

/** A value to be written, with how its copy is to be kept. */
export interface WriteRequest<V> {
  readonly value: NonNullable<V>;
  readonly options: SetOptions;
}

const DEFAULT_STORE_TIMEOUT_MS = 10_000;

/** What both kinds have in common: reads that load from the store, and calls that concern the copies alone. */
export abstract class StoreBackedCache<V> implements AsyncCache<V>, BatchCache<V>, CopyCalls {
  readonly #cache: ReadThroughCache<V>;
  readonly #store: Store<V>;
  readonly #load: LoadOptions;
  readonly #afterWrite: AfterWrite;
  #isClosed = false;

  /** @throws CacheOptionError */
  constructor(cache: ReadThroughCache<V>, store: Store<V>, options: StoreBackedOptions) {
    validateParts(cache, store, options);
    this.#cache = cache;
    this.#store = store;
    this.#load = options.load ?? {};
    this.#afterWrite = options.afterWrite ?? 'remove';
  }

  abstract set(key: string, value: NonNullable<V>, options?: Expiration | SetOptions): Promise<void>;
  abstract removeItem(key: string): Promise<boolean>;
  abstract mset(entries: Iterable<readonly [string, NonNullable<V>]>, options?: Expiration | SetOptions): Promise<void>;
  abstract removeItems(keys: readonly string[]): Promise<number>;
  abstract close(): Promise<void>;

  /** What is on its way to the store, which is newer than what the store holds. */
  protected abstract queued(key: string): WriteOperation<V> | undefined;

  /**
   * The value, loaded from the store if there is no copy; `undefined` if the store has none.
   *
   * @throws whatever `load` throws, unchanged
   */
  async get<T extends V = V>(key: string, options?: GetOrSetOptions): Promise<T | undefined> {
    this.refuseIfClosed('get');
    const queued = this.queued(key);
    if (queued !== undefined) return queuedValue(queued) as T | undefined;
    const load: Loader<V> = (context) => this.#store.load(key, context);
    const found = await this.#cache.getOrSet(key, load, { ...this.#load, ...options });
    return this.#newest(key, found) as T | undefined;
  }

  /** As `get` for each key, with one call of the store where it has `loadMany`. */
  async mget(keys: readonly string[], options?: GetOrSetOptions): Promise<(V | undefined)[]> {
    this.refuseIfClosed('mget');
    validateKeyList(keys, contextOf('mget'));
    const { loadMany } = this.#store;
    if (loadMany === undefined) return Promise.all(keys.map((key) => this.get(key, options)));
    // It may have left for the store when the others are loaded.
    const queued = new Map(keys.map((key) => [key, this.queued(key)]));
    const missing = keys.filter((key) => queued.get(key) === undefined);
    const load: ManyLoader<V> = (...args) => loadMany.apply(this.#store, args);
    const found = await this.#cache.getOrSetMany(missing, load, { ...this.#load, ...options });
    for (const error of found.errors.values()) throw error;
    return keys.map((key) => {
      const before = queued.get(key);
      return this.#newest(key, before === undefined ? found.values.get(key) : queuedValue(before));
    });
  }

  /** True if the store has a value, or will. */
  async exists(key: string): Promise<boolean> {
    return (await this.get(key)) !== undefined;
  }

  /** Forgets every copy. The store keeps what it has, and what is queued for it goes on. */
  async clear(options?: Interruptible): Promise<void> {
    this.refuseIfClosed('clear');
    await this.#cache.clear(options);
  }

  /** Makes the copy stale: it may be served within its stale window while it is loaded anew. */
  async expireItem(key: string): Promise<boolean> {
    return this.#copies('expireItem')(key);
  }

  /** Forgets the copies that carry one of these tags. */
  async invalidateTags(tags: readonly string[]): Promise<void> {
    await this.#copies('invalidateTags')(tags);
  }

  /** Makes the copies that carry one of these tags stale. */
  async expireTags(tags: readonly string[]): Promise<void> {
    await this.#copies('expireTags')(tags);
  }

  /** Forgets the copies whose key begins with `prefix`. */
  async clearPrefix(prefix: string, options?: Interruptible): Promise<void> {
    await this.#copies('clearPrefix')(prefix, options);
  }

  async cleanupExpired(options?: CleanupOptions): Promise<number> {
    return this.#copies('cleanupExpired')(options);
  }

  /** One round trip to the cache; the store is not asked. */
  async ping(): Promise<number> {
    return this.#copies('ping')();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** @throws CacheClosedError */
  protected refuseIfClosed(operation: CacheOperation): void {
    if (this.#isClosed) throw new CacheClosedError('The cache is closed.', contextOf(operation));
  }

  /** Refuses every call from now on. */
  protected refuseCalls(): void {
    this.#isClosed = true;
  }

  /** @throws CacheClosedError, CacheKeyError */
  protected validKey(operation: CacheOperation, key: string): string {
    this.refuseIfClosed(operation);
    validateKey(key, contextOf(operation));
    return key;
  }

  /** @throws CacheValueError, CacheOptionError */
  protected validWrite(
    operation: CacheOperation,
    key: string,
    value: NonNullable<V>,
    options: Expiration | SetOptions | undefined,
  ): WriteRequest<V> {
    const context = contextOf(operation);
    validateValue(value, { ...context, key });
    const tags = tagsOf(options, context);
    if (tags.length > 0 && this.#afterWrite === 'remove') {
      const advice = "Give them in load.tags or with context.addTags in the store's load, or choose afterWrite: 'set'.";
      throw new CacheOptionError(`Copies are made by reads here, so a write carries no tags. ${advice}`, context);
    }
    if (typeof options !== 'object' || options === null) {
      return {
        value,
        options: options === undefined ? {} : { expirationInSeconds: validateExpiration(options, context) },
      };
    }
    const { expirationInSeconds } = options;
    if (expirationInSeconds === undefined) return { value, options: { tags } };
    return { value, options: { expirationInSeconds: validateExpiration(expirationInSeconds, context), tags } };
  }

  /** How the copy of a write is kept, if it is. */
  protected copyOf(write: WriteRequest<V>): WriteRequest<V> | undefined {
    return this.#afterWrite === 'set' ? write : undefined;
  }

  /** A write that was queued while a read was under way is newer than what was read. */
  #newest(key: string, found: V | undefined): V | undefined {
    const queued = this.queued(key);
    return queued === undefined ? found : queuedValue(queued);
  }

  #copies<Name extends keyof CopyCalls>(name: Name): CopyCalls[Name] {
    this.refuseIfClosed(name);
    const method: unknown = this.#cache[name];
    if (typeof method === 'function') return method.bind(this.#cache) as CopyCalls[Name];
    throw new CacheOptionError(`The cache has no ${name}().`, contextOf(name));
  }
}

/** What a queued write makes of its key. */
export function queuedValue<V>(operation: WriteOperation<V>): V | undefined {
  return operation.kind === 'write' ? operation.value : undefined;
}

/** The time a store has for a write. */
export function storeTimeoutMsOf({ storeTimeoutMs = DEFAULT_STORE_TIMEOUT_MS }: StoreBackedOptions): number {
  return storeTimeoutMs;
}

/** The clock of a cache before a store. */
export function timersOf({ timers = systemTimers }: StoreBackedOptions): Timers {
  return timers;
}

function contextOf(operation: string): CacheErrorContext {
  return { operation, backend: 'stack' };
}

function validateParts<V>(cache: ReadThroughCache<V>, store: Store<V>, options: StoreBackedOptions): void {
  const refuse = (message: string): never => {
    throw new CacheOptionError(message, { backend: 'stack' });
  };
  const canRead = typeof cache?.getOrSet === 'function' && typeof cache.getOrSetMany === 'function';
  if (!canRead || typeof cache.removeItem !== 'function') {
    refuse('A store stands behind a cache that reads through: what createCache gives, or a namespace of it.');
  }
  if (typeof store?.load !== 'function' || typeof store.write !== 'function' || typeof store.remove !== 'function') {
    refuse('A store has load, write and remove.');
  }
  const { afterWrite, storeTimeoutMs } = options;
  if (afterWrite !== undefined && afterWrite !== 'remove' && afterWrite !== 'set') {
    refuse("afterWrite is 'remove' or 'set'.");
  }
  if (storeTimeoutMs !== undefined && !(typeof storeTimeoutMs === 'number' && storeTimeoutMs > 0)) {
    refuse('storeTimeoutMs is a number over 0.');
  }
}
