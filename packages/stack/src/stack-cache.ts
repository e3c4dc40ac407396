/// <reference lib="esnext.disposable" preserve="true" />
import {
  type Absent,
  type AsyncCache,
  type Awaitable,
  CacheClosedError,
  type CacheEntry,
  type CacheItem,
  type CacheOperation,
  CacheOptionError,
  type CleanupOptions,
  type ClosableCache,
  type CounterOptions,
  type Expiration,
  expirationOf,
  type FillOptions,
  type Interruptible,
  type Invalidation,
  type KeyTransformer,
  type Lease,
  type LeaseOptions,
  resolveKey,
  type SetOptions,
  tagsOf,
  toAsync,
  validateTagList,
  validateValue,
} from '@cache/core';
import type { ManyLoader } from './batch-load.ts';
import { CallObserver } from './call-observer.ts';
import { type CallReport, done, entryReport, foundReport, removedReport, storedReport } from './call-report.ts';
import { CoherentWrites, type WriteScope } from './coherent-writes.ts';
import { ErrorBackoff } from './error-backoff.ts';
import {
  type GetOrSetOptions,
  type Loader,
  type LoadOptions,
  type ResolvedLoadOptions,
  resolveLoadOptions,
} from './get-or-set-options.ts';
import { InstallFence } from './install-fence.ts';
import type { Capabilities, SharedCache } from './levels.ts';
import type { AnswerSource } from './load-path.ts';
import { Loads } from './loads.ts';
import { Namespace, type NamespaceOptions } from './namespace.ts';
import { type LocalLevel, NearLevel, noLevel, onlyLevel } from './near-level.ts';
import { ReadBatch } from './read-batch.ts';
import { type ManyValues, ReadThrough } from './read-through.ts';
import { capability, type SharedStore, sharedStore } from './shared-store.ts';
import { type StackOptions, validateStackOptions } from './stack-options.ts';
import { isCallersFault } from './store-error.ts';
import { systemTimers, type Timers } from './timers.ts';

const DEFAULT_MAX_L1_STALENESS_IN_SECONDS = 2;
const DEFAULT_MAX_L1_EXPIRATION_IN_SECONDS = 30;

/** A value with where it came from. */
export interface SourcedValue<V> {
  readonly value: V;
  readonly source: AnswerSource;
  /** Seconds since it was stored, where the level that answered knows. */
  readonly ageInSeconds: number | undefined;
}

/** How a function's results are cached. */
export interface MemoizeOptions<Args extends readonly unknown[]> extends LoadOptions {
  /** Makes the key of a call; two calls of one key share their result. */
  readonly key: (...args: Args) => string;
}

/**
 * Read-through over one or two levels. Everything the levels can do, it can; what changes something is carried out in the
 * shared level first and then forgotten everywhere. A read that the shared level fails to answer is a miss, reported to
 * `onError`; a write that it fails to carry out rejects.
 */
export class StackCache<V = unknown> implements AsyncCache<V>, ClosableCache {
  readonly #local: LocalLevel<V>;
  readonly #store: SharedStore<V>;
  readonly #fence = new InstallFence();
  readonly #writes: CoherentWrites<V>;
  readonly #reads: ReadBatch<V>;
  readonly #readThrough: ReadThrough<V>;
  readonly #timers: Timers;
  readonly #keyTransformer: KeyTransformer | undefined;
  readonly #defaults: ResolvedLoadOptions;
  readonly #observer: CallObserver;
  readonly #closing = new AbortController();
  readonly #unsubscribe: (() => void) | undefined;
  /** The shared level's own lease behind one whose key was given back as the application wrote it. */
  readonly #innerLeases = new WeakMap<Lease, Lease>();

  /** @throws CacheOptionError if the options do not fit together */
  constructor(options: StackOptions<V>) {
    validateStackOptions(options);
    const { l1, l2, bus, timers = systemTimers } = options;
    const { maxL1StalenessInSeconds = DEFAULT_MAX_L1_STALENESS_IN_SECONDS } = options;
    this.#timers = timers;
    this.#keyTransformer = options.keyTransformer;
    this.#defaults = resolveLoadOptions(undefined, options.defaults ?? {});
    this.#observer = new CallObserver(options.hooks, options.name ?? 'stack', timers);
    const store = sharedStore(l2 ?? alone(l1), timers, maxL1StalenessInSeconds);
    const local = localLevel(options, this.#fence, timers);
    const backoff = new ErrorBackoff(() => timers.now());
    this.#store = store;
    this.#local = local;
    this.#writes = new CoherentWrites({ local, store, fence: this.#fence, backoff, bus });
    this.#reads = new ReadBatch((keys) => store.getEntries(keys));
    const loads = new Loads({
      store,
      fence: this.#fence,
      backoff,
      timers,
      random: options.random ?? Math.random,
      closing: this.#closing.signal,
      read: (key) => this.#reads.read(key),
      install: (inFlight, item) => local.install(inFlight, item),
      onStoreError: (operation, error) => this.#observer.degraded(operation, error),
      onLoad: (key, outcome, durationMs) => this.#observer.loaded(key, outcome, durationMs),
    });
    this.#readThrough = new ReadThrough({
      local,
      loads,
      defaults: this.#defaults,
      expire: (key) => this.#writes.write({ keys: [key] }, () => this.#expire(key)),
    });
    this.#unsubscribe = bus?.subscribe({
      onInvalidation: (invalidation, origin) => {
        // Our own writes were forgotten twice already; forgetting a third time would drop what came after them.
        if (origin !== bus.origin) this.#writes.forget(scopeOf(invalidation));
      },
      onGap: () => this.#writes.forget({ all: true }),
    });
  }

  get<T extends V = V>(key: string): Promise<T | undefined> {
    return this.#call('get', () => this.#read('get', key), foundReport('get', key)) as Promise<T | undefined>;
  }

  mget(keys: readonly string[]): Promise<(V | undefined)[]> {
    return this.#call(
      'mget',
      () => Promise.all(keys.map((key) => this.#read('mget', key))),
      (values, hooks, durationMs) => {
        for (const [index, key] of keys.entries()) foundReport('mget', key)(values[index], hooks, durationMs);
        return 'done';
      },
    );
  }

  exists(key: string): Promise<boolean> {
    const exists = async (): Promise<boolean> => {
      const stored = this.#key('exists', key);
      if (this.#local.read(stored) !== undefined) return true;
      return this.#tolerate('exists', () => this.#store.cache.exists(stored), false);
    };
    return this.#call('exists', exists, (found) => (found ? 'hit' : 'miss'));
  }

  /**
   * The value, loaded and stored if there is none: by one caller in this process, and by one process where the shared
   * level has leases. `undefined` if the loader finds nothing.
   *
   * @throws whatever the loader throws, unchanged, in every caller that waited for it; CacheTimeoutError when it takes
   * longer than `loadTimeoutMs`
   */
  getOrSet<T extends V = V>(key: string, loader: Loader<T>, options?: GetOrSetOptions): Promise<T | undefined> {
    return this.getOrSetEntry<T>(key, loader, options).then(bareValue);
  }

  /** As `getOrSet`, with where the value came from and how old it is. */
  getOrSetEntry<T extends V = V>(
    key: string,
    loader: Loader<T>,
    options: GetOrSetOptions = {},
  ): Promise<SourcedValue<T> | undefined> {
    const getOrSet = async (): Promise<SourcedValue<T> | undefined> => {
      const stored = this.#key('getOrSet', key);
      const answer = await this.#readThrough.answer(stored, loader as unknown as Loader<V>, options);
      if (answer.kind === 'error') throw answer.error;
      if (answer.kind === 'absent') return undefined;
      return { value: answer.value as T, source: answer.source, ageInSeconds: answer.ageInSeconds };
    };
    return this.#call('getOrSet', getOrSet, (entry, hooks, durationMs) => {
      if (entry === undefined || entry.source === 'loader') hooks.miss('getOrSet', key, durationMs);
      else hooks.hit('getOrSet', key, durationMs);
      return entry === undefined || entry.source === 'loader' ? 'miss' : entry.source === 'stale' ? 'stale' : 'hit';
    });
  }

  /**
   * Many keys: one read of the shared level, and one call of the loader for all that this process is to load. Callers of
   * `getOrSet` for the same keys share the loads.
   */
  getOrSetMany<T extends V = V>(
    keys: readonly string[],
    loadMissing: ManyLoader<T>,
    options: GetOrSetOptions = {},
  ): Promise<ManyValues<T>> {
    const getOrSetMany = async (): Promise<ManyValues<T>> => {
      const requests = [...new Set(keys)].map((key) => ({ key, stored: this.#key('getOrSetMany', key) }));
      return this.#readThrough.answerMany<T>(requests, loadMissing, options);
    };
    return this.#call('getOrSetMany', getOrSetMany, () => 'done');
  }

  set(key: string, value: NonNullable<V>, options?: Expiration | SetOptions): Promise<void> {
    const set = async (): Promise<void> => {
      const stored = this.#key('set', key);
      validateValue(value, { operation: 'set', backend: 'stack', key });
      const resolved = this.#setOptions('set', options);
      const item = { value, remainingInSeconds: resolved.expirationInSeconds, tags: resolved.tags ?? [] };
      const sentAtMs = this.#timers.now();
      await this.#writes.set(stored, () => this.#store.cache.set(stored, value, resolved), { ...item, sentAtMs });
    };
    return this.#call('set', set, storedReport('set', key));
  }

  mset(entries: Iterable<readonly [string, NonNullable<V>]>, options?: Expiration | SetOptions): Promise<void> {
    const list = [...entries];
    const mset = async (): Promise<void> => {
      const stored = list.map(([key, value]) => [this.#key('mset', key), value] as const);
      if (stored.length === 0) return;
      const resolved = this.#setOptions('mset', options);
      await this.#writes.write({ keys: stored.map(([key]) => key) }, async () => this.#can('mset')(stored, resolved));
    };
    return this.#call('mset', mset, (_, hooks, durationMs) => {
      for (const [key] of list) hooks.set('mset', key, durationMs);
      return 'done';
    });
  }

  removeItem(key: string): Promise<boolean> {
    const remove = (stored: string): Promise<boolean> => this.#store.cache.removeItem(stored);
    return this.#writeKey('removeItem', key, remove, removedReport('removeItem', key));
  }

  removeItems(keys: readonly string[]): Promise<number> {
    // Which of them were live, only single removals tell.
    if (this.#observer.hears('onRemove')) return this.#removeOneByOne(keys);
    const removeItems = async (): Promise<number> => {
      const stored = keys.map((key) => this.#key('removeItems', key));
      if (stored.length === 0) return 0;
      return this.#writes.write({ keys: stored }, async () => this.#can('removeItems')(stored));
    };
    return this.#call('removeItems', removeItems, done);
  }

  clear(options?: Interruptible): Promise<void> {
    return this.#call('clear', () => this.#writes.write({ all: true }, () => this.#store.cache.clear(options)), done);
  }

  increment(key: string, amount = 1, options?: CounterOptions): Promise<number> {
    const increment = (stored: string) =>
      this.#can('increment')(stored, amount, this.#counterOptions('increment', options));
    return this.#writeKey('increment', key, increment, storedReport('increment', key));
  }

  decrement(key: string, amount = 1, options?: CounterOptions): Promise<number> {
    const decrement = (stored: string) =>
      this.#can('decrement')(stored, amount, this.#counterOptions('decrement', options));
    return this.#writeKey('decrement', key, decrement, storedReport('decrement', key));
  }

  setWithNx(key: string, value: NonNullable<V>, options?: Expiration | SetOptions): Promise<boolean> {
    const setWithNx = (stored: string) => this.#can('setWithNx')(stored, value, this.#setOptions('setWithNx', options));
    return this.#writeKey('setWithNx', key, setWithNx, (isStored, hooks, durationMs) =>
      isStored ? storedReport('setWithNx', key)(undefined, hooks, durationMs) : 'done',
    );
  }

  removeIfEquals(key: string, value: NonNullable<V>): Promise<boolean> {
    const remove = (stored: string) => this.#can('removeIfEquals')(stored, value);
    return this.#writeKey('removeIfEquals', key, remove, removedReport('removeIfEquals', key));
  }

  expireItem(key: string): Promise<boolean> {
    return this.#writeKey('expireItem', key, (stored) => this.#expire(stored), done);
  }

  /** Removes every item that carries one of these tags, in every level and process. Never served again. */
  invalidateTags(tags: readonly string[]): Promise<void> {
    return this.#writeTags('invalidateTags', tags);
  }

  /** Makes every item that carries one of these tags stale: it may be served within its stale window while it is loaded. */
  expireTags(tags: readonly string[]): Promise<void> {
    return this.#writeTags('expireTags', tags);
  }

  getTtl(key: string): Promise<number | null | undefined> {
    return this.#call('getTtl', async () => this.#can('getTtl')(this.#key('getTtl', key)), done);
  }

  inspect(key: string): Promise<CacheItem<V> | undefined> {
    return this.#call('inspect', async () => this.#can('inspect')(this.#key('inspect', key)), done);
  }

  /** The keys as they are stored: after the key transformer. */
  async *keys(prefix?: string, options?: Interruptible): AsyncGenerator<string> {
    this.#refuseIfClosed('keys');
    yield* this.#can('keys')(prefix, options);
  }

  cleanupExpired(options?: CleanupOptions): Promise<number> {
    return this.#call('cleanupExpired', async () => this.#can('cleanupExpired')(options), done);
  }

  ping(): Promise<number> {
    return this.#call('ping', async () => this.#can('ping')(), done);
  }

  getEntries(keys: readonly string[]): Promise<CacheEntry<V>[]> {
    const getEntries = async () => this.#store.getEntries(keys.map((key) => this.#key('getEntries', key)));
    return this.#call('getEntries', getEntries, (entries, hooks, durationMs) => {
      for (const [index, key] of keys.entries()) entryReport('getEntries', key)(entries[index], hooks, durationMs);
      return 'done';
    });
  }

  getOrLease(key: string, options: LeaseOptions = {}): Promise<CacheEntry<V>> {
    const getOrLease = async (): Promise<CacheEntry<V>> => {
      const entry = await this.#store.getOrLease(this.#key('getOrLease', key), options);
      return this.#withKeyOf(key, entry);
    };
    return this.#call('getOrLease', getOrLease, entryReport('getOrLease', key));
  }

  fill(lease: Lease, value: NonNullable<V> | Absent, options: FillOptions = {}): Promise<boolean> {
    const fill = async (): Promise<boolean> => {
      const inner = this.#inner(lease);
      const resolved = { ...options, ...this.#setOptions('fill', options) };
      const isStored = await this.#store.fill(inner, value, resolved);
      if (isStored) this.#local.drop(inner.key);
      return isStored;
    };
    return this.#call('fill', fill, (isStored, hooks, durationMs) =>
      isStored ? storedReport('fill', lease.key)(undefined, hooks, durationMs) : 'done',
    );
  }

  renew(lease: Lease, leaseInSeconds: number = this.#defaults.leaseInSeconds): Promise<boolean> {
    return this.#call('renew', () => this.#store.renew(this.#inner(lease), leaseInSeconds), done);
  }

  release(lease: Lease): Promise<void> {
    return this.#call('release', () => this.#store.release(this.#inner(lease)), done);
  }

  /** Removes every item whose key, as it is stored, begins with `prefix`, in every level and process. */
  clearPrefix(prefix: string, options?: Interruptible): Promise<void> {
    const clear = (): Promise<void> =>
      this.#writes.write({ prefix }, async () => this.#can('clearPrefix')(prefix, options));
    return this.#call('clearPrefix', clear, done);
  }

  /** A part of this cache with a prefix, a `clear` and a type of its own. */
  namespace<T = unknown>(name: string, options: NamespaceOptions<T> = {}): Namespace<T> {
    return new Namespace(this as StackCache<unknown>, name, options);
  }

  /** A function that answers from the cache: `fn`'s results are stored under the key that `key` makes of its arguments. */
  memoize<Args extends readonly unknown[], T extends V>(
    fn: (...args: Args) => Promise<T | null | undefined> | T | null | undefined,
    { key, ...options }: MemoizeOptions<Args>,
  ): (...args: Args) => Promise<T | undefined> {
    return (...args) => this.getOrSet<T>(key(...args), () => fn(...args), options);
  }

  /** Ends loads under way with a `CacheClosedError` and leaves the bus. Closes neither the levels nor the bus. */
  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return;
    this.#unsubscribe?.();
    this.#closing.abort(closedError('close'));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #call<T>(operation: CacheOperation, run: () => Promise<T>, report: CallReport<T>): Promise<T> {
    return this.#observer.observe(
      operation,
      async () => {
        this.#refuseIfClosed(operation);
        return run();
      },
      report,
    );
  }

  #writeKey<T>(
    operation: CacheOperation,
    key: string,
    run: (stored: string) => Awaitable<T>,
    report: CallReport<T>,
  ): Promise<T> {
    const write = async (): Promise<T> => {
      const stored = this.#key(operation, key);
      return this.#writes.write({ keys: [stored] }, async () => run(stored));
    };
    return this.#call(operation, write, report);
  }

  #writeTags(operation: 'invalidateTags' | 'expireTags', tags: readonly string[]): Promise<void> {
    const write = async (): Promise<void> => {
      const distinct = validateTagList(tags, { operation, backend: 'stack' });
      if (distinct.length === 0) return;
      await this.#writes.write({ tags: distinct }, async () => this.#can(operation)(distinct));
    };
    return this.#call(operation, write, done);
  }

  async #expire(stored: string): Promise<boolean> {
    // A cache without stale copies has nothing to keep: expired is removed.
    const { cache } = this.#store;
    return cache.expireItem === undefined ? cache.removeItem(stored) : cache.expireItem(stored);
  }

  #removeOneByOne(keys: readonly string[]): Promise<number> {
    const distinct = [...new Set(keys)];
    const removeItems = async (): Promise<readonly string[]> => {
      const stored = distinct.map((key) => this.#key('removeItems', key));
      return this.#writes.write({ keys: stored }, async () => {
        const removed = await Promise.all(stored.map((key) => this.#store.cache.removeItem(key)));
        return distinct.filter((_, index) => removed[index]);
      });
    };
    return this.#call('removeItems', removeItems, (removed, hooks, durationMs) => {
      for (const key of removed) hooks.remove('removeItems', key, durationMs);
      return 'done';
    }).then((removed) => removed.length);
  }

  async #read(operation: CacheOperation, key: string): Promise<V | undefined> {
    const stored = this.#key(operation, key);
    return this.#local.read(stored) ?? this.#tolerate(operation, () => this.#fetch(stored), undefined);
  }

  /** Reads the shared level and keeps a copy, if nothing was invalidated meanwhile. */
  async #fetch(key: string): Promise<V | undefined> {
    if (this.#local === noLevel) return this.#store.cache.get(key);
    const sentAtMs = this.#timers.now();
    const inFlight = this.#fence.register(key);
    try {
      const entry = await this.#reads.read(key);
      if (entry.state !== 'fresh') return undefined;
      this.#local.install(inFlight, { ...entry, sentAtMs });
      return entry.value;
    } finally {
      this.#fence.end(inFlight);
    }
  }

  async #tolerate<T>(operation: CacheOperation, read: () => Promise<T>, otherwise: T): Promise<T> {
    try {
      return await read();
    } catch (error) {
      if (isCallersFault(error)) throw error;
      this.#observer.degraded(operation, error);
      return otherwise;
    }
  }

  #key(operation: CacheOperation, key: string): string {
    return resolveKey(key, this.#keyTransformer, { operation, backend: 'stack' });
  }

  #can<Name extends keyof Capabilities<V>>(name: Name): Capabilities<V>[Name] {
    return capability(this.#store.cache, name);
  }

  #setOptions(
    operation: CacheOperation,
    options: Expiration | SetOptions | undefined,
  ): SetOptions & { readonly expirationInSeconds: Expiration } {
    const context = { operation, backend: 'stack' };
    const expirationInSeconds = expirationOf(options, this.#defaults.expirationInSeconds, context);
    const tags = tagsOf(options, context);
    return tags.length === 0 ? { expirationInSeconds } : { expirationInSeconds, tags };
  }

  #counterOptions(operation: CacheOperation, options: CounterOptions | undefined): CounterOptions {
    return {
      expirationInSeconds: expirationOf(options, this.#defaults.expirationInSeconds, { operation, backend: 'stack' }),
    };
  }

  #withKeyOf(key: string, entry: CacheEntry<V>): CacheEntry<V> {
    if (!('lease' in entry) || entry.lease === undefined || entry.lease.key === key) return entry;
    const lease: Lease = { key, token: entry.lease.token };
    this.#innerLeases.set(lease, entry.lease);
    return { ...entry, lease };
  }

  #inner(lease: Lease): Lease {
    return this.#innerLeases.get(lease) ?? lease;
  }

  #refuseIfClosed(operation: CacheOperation): void {
    if (this.#closing.signal.aborted) throw closedError(operation);
  }
}

function closedError(operation: CacheOperation): CacheClosedError {
  return new CacheClosedError('The cache is closed.', { operation, backend: 'stack' });
}

/** A first level alone is the store. */
function alone<V>(l1: StackOptions<V>['l1']): SharedCache<V> {
  if (l1 === undefined) throw new CacheOptionError('createCache needs a level: l1, l2 or both.', { backend: 'stack' });
  return toAsync(l1) as unknown as SharedCache<V>;
}

function localLevel<V>({ l1, l2, ...options }: StackOptions<V>, fence: InstallFence, timers: Timers): LocalLevel<V> {
  if (l1 === undefined) return noLevel;
  if (l2 === undefined) return onlyLevel(l1);
  return new NearLevel(l1, fence, timers, {
    bus: options.bus,
    maxStalenessInSeconds: options.maxL1StalenessInSeconds ?? DEFAULT_MAX_L1_STALENESS_IN_SECONDS,
    maxExpirationInSeconds: options.maxL1ExpirationInSeconds ?? DEFAULT_MAX_L1_EXPIRATION_IN_SECONDS,
  });
}

function scopeOf(invalidation: Invalidation): WriteScope {
  switch (invalidation.kind) {
    case 'key':
      return { keys: [invalidation.key] };
    case 'tag':
      return { tags: [invalidation.tag] };
    case 'clear':
      return { all: true };
    case 'clearPrefix':
      return { prefix: invalidation.prefix };
  }
}

function bareValue<V>(entry: SourcedValue<V> | undefined): V | undefined {
  return entry?.value;
}
