import {
  type Absent,
  type Awaitable,
  type CacheEntry,
  type CacheItem,
  type CacheOperation,
  type CleanupOptions,
  type CounterOptions,
  type Expiration,
  entryListOf,
  expirationOf,
  type FillOptions,
  type Interruptible,
  type Lease,
  type LeaseOptions,
  type SetOptions,
  validateKeyList,
  validateTagList,
} from '@cache/core';
import { type CallReport, done, entryReport, removedReport, storedReport } from './call-report.ts';
import type { StackContext } from './stack-context.ts';
import { storedPrefix } from './stored-prefix.ts';
import { validateSignal } from './validate-signal.ts';

/**
 * Every capability of the shared level, passed on: what reads goes through as it is, what changes something is carried out
 * there and forgotten everywhere. A capability that the shared level lacks is a CacheOptionError.
 */
export abstract class SharedCalls<V> {
  readonly #context: StackContext<V>;
  /** The shared level's own lease behind one whose key was given back as the application wrote it. */
  readonly #innerLeases = new WeakMap<Lease, Lease>();

  constructor(context: StackContext<V>) {
    this.#context = context;
  }

  mset(entries: Iterable<readonly [string, NonNullable<V>]>, options?: Expiration | SetOptions): Promise<void> {
    const context = this.#context;
    let keys: readonly string[] = [];
    const mset = async (): Promise<void> => {
      const list = entryListOf(entries, { operation: 'mset', backend: 'stack' });
      keys = list.map(([key]) => key);
      const stored = list.map(([key, value]) => [context.key('mset', key), value] as const);
      const resolved = context.setOptions('mset', options);
      if (stored.length === 0) return;
      const scope = { keys: stored.map(([key]) => key) };
      await context.writes.write(scope, async () => context.can('mset')(stored, resolved));
    };
    return context.call('mset', mset, (_, hooks, durationMs) => {
      for (const key of keys) hooks.set('mset', key, durationMs);
      return 'done';
    });
  }

  removeItems(keys: readonly string[]): Promise<number> {
    const context = this.#context;
    // Which of them were live, only single removals tell.
    const isTold = context.observer.hears('onRemove');
    if (isTold || context.store.cache.removeItems === undefined) return this.#removeOneByOne(keys);
    const removeItems = async (): Promise<number> => {
      validateKeyList(keys, { operation: 'removeItems', backend: 'stack' });
      const stored = keys.map((key) => context.key('removeItems', key));
      if (stored.length === 0) return 0;
      return context.invalidate({ keys: stored }, async () => context.can('removeItems')(stored), 0);
    };
    return context.call('removeItems', removeItems, done);
  }

  increment(key: string, amount = 1, options?: Expiration | CounterOptions): Promise<number> {
    const increment = (stored: string): Awaitable<number> =>
      this.#context.can('increment')(stored, amount, this.#counterOptions('increment', options));
    return this.#writeKey('increment', key, increment, storedReport('increment', key));
  }

  decrement(key: string, amount = 1, options?: Expiration | CounterOptions): Promise<number> {
    const decrement = (stored: string): Awaitable<number> =>
      this.#context.can('decrement')(stored, amount, this.#counterOptions('decrement', options));
    return this.#writeKey('decrement', key, decrement, storedReport('decrement', key));
  }

  setWithNx(key: string, value: NonNullable<V>, options?: Expiration | SetOptions): Promise<boolean> {
    const setWithNx = (stored: string): Awaitable<boolean> =>
      this.#context.can('setWithNx')(stored, value, this.#context.setOptions('setWithNx', options));
    return this.#writeKey('setWithNx', key, setWithNx, (isStored, hooks, durationMs) =>
      isStored ? storedReport('setWithNx', key)(undefined, hooks, durationMs) : 'done',
    );
  }

  removeIfEquals(key: string, value: NonNullable<V>): Promise<boolean> {
    const remove = (stored: string): Awaitable<boolean> => this.#context.can('removeIfEquals')(stored, value);
    return this.#writeKey('removeIfEquals', key, remove, removedReport('removeIfEquals', key));
  }

  setTtlIfEquals(key: string, value: NonNullable<V>, expirationInSeconds: Expiration): Promise<boolean> {
    const setTtl = (stored: string): Awaitable<boolean> =>
      this.#context.can('setTtlIfEquals')(stored, value, expirationInSeconds);
    return this.#writeKey('setTtlIfEquals', key, setTtl, done);
  }

  /** Makes the item stale: it may be served within its stale window while it is loaded anew. */
  expireItem(key: string): Promise<boolean> {
    const context = this.#context;
    const expire = async (): Promise<boolean> => {
      const stored = context.key('expireItem', key);
      return context.invalidate({ keys: [stored] }, () => context.expire(stored), false);
    };
    return context.call('expireItem', expire, done);
  }

  /** Removes every item that carries one of these tags, in every level and process. Never served again. */
  invalidateTags(tags: readonly string[]): Promise<void> {
    return this.#writeTags('invalidateTags', tags);
  }

  /** Makes every item that carries one of these tags stale: it may be served within its stale window while it is loaded. */
  expireTags(tags: readonly string[]): Promise<void> {
    return this.#writeTags('expireTags', tags);
  }

  /**
   * Removes every item whose key begins with `prefix`, in every level and process.
   *
   * @throws CacheOptionError with a `keyTransformer` that hides how keys begin
   */
  clearPrefix(prefix: string, options?: Interruptible): Promise<void> {
    const context = this.#context;
    const clear = async (): Promise<void> => {
      validateSignal(options?.signal, 'clearPrefix');
      const stored = storedPrefix(prefix, context.keyTransformer, { operation: 'clearPrefix', backend: 'stack' });
      await context.invalidate({ prefix: stored }, async () => context.can('clearPrefix')(stored, options), undefined);
    };
    return context.call('clearPrefix', clear, done);
  }

  /** Seconds that the item has left in the shared level. */
  getTtl(key: string): Promise<number | null | undefined> {
    const context = this.#context;
    return context.call('getTtl', async () => context.can('getTtl')(context.key('getTtl', key)), done);
  }

  /** The item as the shared level holds it. */
  inspect(key: string): Promise<CacheItem<V> | undefined> {
    const context = this.#context;
    return context.call('inspect', async () => context.can('inspect')(context.key('inspect', key)), done);
  }

  /** The keys as they are stored: after the key transformer. */
  async *keys(prefix?: string, options?: Interruptible): AsyncGenerator<string> {
    this.#context.refuseIfClosed('keys');
    yield* this.#context.can('keys')(prefix, options);
  }

  cleanupExpired(options?: CleanupOptions): Promise<number> {
    return this.#context.call('cleanupExpired', async () => this.#context.can('cleanupExpired')(options), done);
  }

  ping(): Promise<number> {
    return this.#context.call('ping', async () => this.#context.can('ping')(), done);
  }

  getEntries(keys: readonly string[]): Promise<CacheEntry<V>[]> {
    const context = this.#context;
    const getEntries = async (): Promise<CacheEntry<V>[]> => {
      validateKeyList(keys, { operation: 'getEntries', backend: 'stack' });
      return context.store.getEntries(keys.map((key) => context.key('getEntries', key)));
    };
    return context.call('getEntries', getEntries, (entries, hooks, durationMs) => {
      for (const [index, key] of keys.entries()) entryReport('getEntries', key)(entries[index], hooks, durationMs);
      return 'done';
    });
  }

  getOrLease(key: string, options: LeaseOptions = {}): Promise<CacheEntry<V>> {
    const context = this.#context;
    const getOrLease = async (): Promise<CacheEntry<V>> => {
      const entry = await context.store.getOrLease(context.key('getOrLease', key), options);
      return this.#withKeyOf(key, entry);
    };
    return context.call('getOrLease', getOrLease, entryReport('getOrLease', key));
  }

  fill(lease: Lease, value: NonNullable<V> | Absent, options: FillOptions = {}): Promise<boolean> {
    const context = this.#context;
    const fill = async (): Promise<boolean> => {
      const inner = this.#inner(lease);
      const resolved = { ...options, ...context.setOptions('fill', options) };
      const isStored = await context.store.fill(inner, value, resolved);
      if (isStored) context.local.drop(inner.key);
      return isStored;
    };
    return context.call('fill', fill, (isStored, hooks, durationMs) =>
      isStored ? storedReport('fill', lease.key)(undefined, hooks, durationMs) : 'done',
    );
  }

  renew(lease: Lease, leaseInSeconds?: number): Promise<boolean> {
    const { store, defaults } = this.#context;
    const renew = async (): Promise<boolean> =>
      store.renew(this.#inner(lease), leaseInSeconds ?? defaults.leaseInSeconds);
    return this.#context.call('renew', renew, done);
  }

  release(lease: Lease): Promise<void> {
    return this.#context.call('release', async () => this.#context.store.release(this.#inner(lease)), done);
  }

  #writeKey<T>(
    operation: CacheOperation,
    key: string,
    run: (stored: string) => Awaitable<T>,
    report: CallReport<T>,
  ): Promise<T> {
    const context = this.#context;
    const write = async (): Promise<T> => {
      const stored = context.key(operation, key);
      return context.writes.write({ keys: [stored] }, async () => run(stored));
    };
    return context.call(operation, write, report);
  }

  #writeTags(operation: 'invalidateTags' | 'expireTags', tags: readonly string[]): Promise<void> {
    const context = this.#context;
    const write = async (): Promise<void> => {
      const distinct = validateTagList(tags, { operation, backend: 'stack' });
      if (distinct.length === 0) return;
      await context.invalidate({ tags: distinct }, async () => context.can(operation)(distinct), undefined);
    };
    return context.call(operation, write, done);
  }

  async #removeOneByOne(keys: readonly string[]): Promise<number> {
    const context = this.#context;
    const removeItems = async (): Promise<readonly string[]> => {
      validateKeyList(keys, { operation: 'removeItems', backend: 'stack' });
      const distinct = [...new Set(keys)];
      const stored = distinct.map((key) => context.key('removeItems', key));
      const remove = async (): Promise<readonly string[]> => {
        const removed = await Promise.all(stored.map((key) => context.store.cache.removeItem(key)));
        return distinct.filter((_, index) => removed[index]);
      };
      return context.invalidate({ keys: stored }, remove, []);
    };
    const removed = await context.call('removeItems', removeItems, (live, hooks, durationMs) => {
      for (const key of live) hooks.remove('removeItems', key, durationMs);
      return 'done';
    });
    return removed.length;
  }

  #counterOptions(operation: CacheOperation, options: Expiration | CounterOptions | undefined): CounterOptions {
    const { expirationInSeconds } = this.#context.defaults;
    return { expirationInSeconds: expirationOf(options, expirationInSeconds, { operation, backend: 'stack' }) };
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
}
