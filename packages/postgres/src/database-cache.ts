/// <reference lib="esnext.disposable" preserve="true" />
import {
  ABSENT,
  type Absent,
  type AsyncCache,
  type AtomicCache,
  type BatchCache,
  type CacheEntry,
  type CacheItem,
  CacheOptionError,
  type CleanableCache,
  type CleanupOptions,
  type ClosableCache,
  type CounterOptions,
  type Expiration,
  type IdentifiableCache,
  type InspectableCache,
  type Interruptible,
  type IterableCache,
  type Lease,
  type LeaseOptions,
  type LeasingCache,
  type PingableCache,
  type PublishingCache,
  type RenewableCache,
  type SetOptions,
  type TaggedCache,
} from '@cache/core';
import type { Sql, TransactionSql } from 'postgres';
import { AtomicCalls } from './atomic-calls.ts';
import { CacheEngine } from './cache-engine.ts';
import { awaitServer, type ConnectOptions, openPool } from './connect.ts';
import type { DatabaseCacheOptions } from './database-cache-options.ts';
import { BorrowedPool, type DatabasePool, TransactionPool } from './database-pool.ts';
import { ItemCalls, type SizedValue } from './item-calls.ts';
import { type DatabaseFillOptions, LeaseCalls } from './lease-calls.ts';
import { NamespaceCalls } from './namespace-calls.ts';
import type { InFlight } from './program-order.ts';
import { relationsOf } from './relations.ts';
import { runningServer } from './running-server.ts';
import { adoptServer } from './server-identity.ts';

/**
 * A cache in a PostgreSQL table, on postgres.js.
 *
 * ```ts
 * const cache = new DatabaseCache(postgres(url));
 * await cache.set('user:1', { name: 'Ada' }, 600);
 * ```
 *
 * The calls of one tick travel together, and each call settles within `readTimeoutMs` or `writeTimeoutMs`. The order in
 * which a program calls one key is kept. Lifetimes are judged by the database's clock alone.
 */
export class DatabaseCache<V = unknown>
  implements
    AsyncCache<V>,
    BatchCache<V>,
    AtomicCache<V>,
    TaggedCache,
    LeasingCache<V>,
    InspectableCache<V>,
    IterableCache,
    CleanableCache,
    PingableCache,
    IdentifiableCache,
    RenewableCache,
    PublishingCache,
    ClosableCache
{
  /** The cache's name in events. */
  readonly name: string;
  readonly #cacheOptions: DatabaseCacheOptions;
  readonly #engine: CacheEngine;
  readonly #items: ItemCalls;
  readonly #atomic: AtomicCalls;
  readonly #leases: LeaseCalls;
  readonly #namespace: NamespaceCalls;
  /** In a transaction: something was removed that the cache outside may carry out after the commit. */
  #onRemoval: () => void = () => {};
  #closing: Promise<void> | undefined;

  /**
   * @param sql a postgres.js instance; it is used and never closed
   * @param pool only `connect` and `using` pass one
   * @throws CacheOptionError
   */
  constructor(sql: Sql, options: DatabaseCacheOptions = {}, pool: DatabasePool = new BorrowedPool(sql)) {
    validateClient(pool.sql);
    const engine = new CacheEngine(pool, options, (key): InFlight[] => this.#items.reading(key));
    this.name = engine.options.name;
    this.#cacheOptions = options;
    this.#engine = engine;
    this.#items = new ItemCalls(engine);
    this.#atomic = new AtomicCalls(engine);
    this.#leases = new LeaseCalls(engine);
    this.#namespace = new NamespaceCalls(engine);
  }

  get publishesTo(): { readonly origin: string } | undefined {
    return this.#cacheOptions.bus;
  }

  /**
   * A cache with a small pool of its own, which `close()` ends. Fulfils within `connectTimeoutMs` even if the server is
   * down; the cache goes on trying to reach it.
   *
   * @throws CacheOptionError for a URL that is none, and for credentials that the server refuses
   */
  static async connect<V = unknown>(url: string, options: ConnectOptions = {}): Promise<DatabaseCache<V>> {
    const pool = openPool(url, options);
    try {
      const cache = new DatabaseCache<V>(pool.sql, options, pool);
      const relations = relationsOf(options);
      await awaitServer(
        () => adoptServer(pool.sql, relations),
        () => cache.#engine.isClosed,
        options,
      );
      return cache;
    } catch (error) {
      pool.close().catch(() => {});
      throw error;
    }
  }

  /**
   * The same cache inside a transaction of `sql.begin`: what it writes and invalidates becomes visible when the
   * transaction commits, and vanishes when it rolls back. Nothing is leased or filled in it, and no second connection is
   * used. Keys that are set stay locked until the end; what is removed or invalidated locks nothing.
   */
  using(tx: TransactionSql): DatabaseCache<V> {
    const inside = new DatabaseCache<V>(tx as unknown as Sql, this.#cacheOptions, new TransactionPool(tx));
    inside.#onRemoval = () => this.#namespace.applySoon();
    return inside;
  }

  get<T extends V = V>(key: string): Promise<T | undefined> {
    if (this.#engine.observer.hooks !== undefined) return this.#getObserved<T>(key);
    // The most frequent call: not even a closure is made for it.
    try {
      return this.#items.get(key) as Promise<T | undefined>;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  set(key: string, value: NonNullable<V>, options?: Expiration | SetOptions): Promise<void> {
    let size = 0;
    const onBytes = (bytes: number): void => {
      size = bytes;
    };
    return this.#engine.observer.run(
      'set',
      () => this.#items.set(key, value, options, onBytes),
      (hooks, _answer, durationMs) => {
        hooks.set('set', key, durationMs, size);
        return 'done';
      },
    );
  }

  removeItem(key: string): Promise<boolean> {
    this.#onRemoval();
    return this.#engine.observer.run(
      'removeItem',
      () => this.#items.removeItem(key),
      (hooks, wasLive, durationMs) => {
        if (wasLive) hooks.remove('removeItem', key, durationMs);
        return 'done';
      },
    );
  }

  exists(key: string): Promise<boolean> {
    return this.#engine.observer.run('exists', () => this.#items.exists(key));
  }

  /**
   * Everything in this namespace is dead once the first statement is answered, leases included; the rows are then deleted
   * in steps. If a later step fails, or `signal` ends it, the items are gone all the same and `cleanupExpired` does the rest.
   */
  clear(options: Interruptible = {}): Promise<void> {
    this.#onRemoval();
    return this.#engine.observer.run('clear', () => this.#namespace.clear(options));
  }

  /** As {@link clear}, for the keys that start with `prefix`. @throws CacheOptionError where keys are not stored */
  clearPrefix(prefix: string, options: Interruptible = {}): Promise<void> {
    this.#onRemoval();
    return this.#engine.observer.run('clearPrefix', () => this.#namespace.clearPrefix(prefix, options));
  }

  mget(keys: readonly string[]): Promise<(V | undefined)[]> {
    const { observer } = this.#engine;
    if (observer.hooks !== undefined) return this.#mgetObserved(keys);
    return observer.run('mget', () => this.#items.mget(keys) as Promise<(V | undefined)[]>);
  }

  async mset(
    entries: Iterable<readonly [key: string, value: NonNullable<V>]>,
    options?: Expiration | SetOptions,
  ): Promise<void> {
    await this.#engine.observer.run(
      'mset',
      () => this.#items.mset(entries, options),
      (hooks, stored, durationMs) => {
        for (const [key, bytes] of stored) hooks.set('mset', key, durationMs, bytes);
        return 'done';
      },
    );
  }

  async removeItems(keys: readonly string[]): Promise<number> {
    this.#onRemoval();
    const removed = await this.#engine.observer.run(
      'removeItems',
      () => this.#items.removeItems(keys),
      (hooks, live, durationMs) => {
        for (const key of live) hooks.remove('removeItems', key, durationMs);
        return 'done';
      },
    );
    return removed.length;
  }

  increment(key: string, amount = 1, options?: CounterOptions): Promise<number> {
    return this.#count('increment', key, amount, options);
  }

  decrement(key: string, amount = 1, options?: CounterOptions): Promise<number> {
    return this.#count('decrement', key, amount, options);
  }

  setWithNx(key: string, value: NonNullable<V>, options?: Expiration | SetOptions): Promise<boolean> {
    let size = 0;
    const onBytes = (bytes: number): void => {
      size = bytes;
    };
    return this.#engine.observer.run(
      'setWithNx',
      () => this.#atomic.setWithNx(key, value, options, onBytes),
      (hooks, isStored, durationMs) => {
        if (isStored) hooks.set('setWithNx', key, durationMs, size);
        return 'done';
      },
    );
  }

  /** The seconds left, up to one more than the lifetime asked for: see `expires_at`. */
  getTtl(key: string): Promise<number | null | undefined> {
    return this.#engine.observer.run('getTtl', () => this.#atomic.getTtl(key));
  }

  removeIfEquals(key: string, value: NonNullable<V>): Promise<boolean> {
    return this.#engine.observer.run(
      'removeIfEquals',
      () => this.#atomic.removeIfEquals(key, value),
      (hooks, isRemoved, durationMs) => {
        if (isRemoved) hooks.remove('removeIfEquals', key, durationMs);
        return 'done';
      },
    );
  }

  setTtlIfEquals(key: string, value: NonNullable<V>, expirationInSeconds: Expiration): Promise<boolean> {
    return this.#engine.observer.run('setTtlIfEquals', () =>
      this.#atomic.setTtlIfEquals(key, value, expirationInSeconds),
    );
  }

  invalidateTags(tags: readonly string[]): Promise<void> {
    return this.#engine.observer.run('invalidateTags', () => this.#namespace.invalidateTags('invalidateTags', tags));
  }

  expireTags(tags: readonly string[]): Promise<void> {
    return this.#engine.observer.run('expireTags', () => this.#namespace.invalidateTags('expireTags', tags));
  }

  getEntries(keys: readonly string[]): Promise<CacheEntry<V>[]> {
    const { observer } = this.#engine;
    if (observer.hooks !== undefined) return this.#getEntriesObserved(keys);
    return observer.run('getEntries', () => this.#leases.getEntries(keys) as Promise<CacheEntry<V>[]>);
  }

  getOrLease(key: string, options: LeaseOptions = {}): Promise<CacheEntry<V>> {
    let size = 0;
    const onBytes = (bytes: number): void => {
      size = bytes;
    };
    return this.#engine.observer.run(
      'getOrLease',
      () => this.#leases.getOrLease(key, options, onBytes) as Promise<CacheEntry<V>>,
      (hooks, { state }, durationMs) => {
        if (state === 'fresh') hooks.hit('getOrLease', key, durationMs, size);
        else hooks.miss('getOrLease', key, durationMs);
        return state === 'fresh' ? 'hit' : state === 'stale' ? 'stale' : 'miss';
      },
    );
  }

  fill(lease: Lease, value: NonNullable<V> | Absent, options: DatabaseFillOptions = {}): Promise<boolean> {
    let size = 0;
    const onBytes = (bytes: number): void => {
      size = bytes;
    };
    return this.#engine.observer.run(
      'fill',
      () => this.#leases.fill(lease, value, options, onBytes),
      (hooks, isStored, durationMs) => {
        if (isStored && value !== ABSENT) hooks.set('fill', lease.key, durationMs, size);
        return 'done';
      },
    );
  }

  renew(lease: Lease, leaseInSeconds?: number): Promise<boolean> {
    return this.#engine.observer.run('renew', () => this.#leases.renew(lease, leaseInSeconds));
  }

  release(lease: Lease): Promise<void> {
    return this.#engine.observer.run('release', () => this.#leases.release(lease));
  }

  expireItem(key: string): Promise<boolean> {
    this.#onRemoval();
    return this.#engine.observer.run(
      'expireItem',
      () => this.#leases.expireItem(key),
      (hooks, wasLive, durationMs) => {
        if (wasLive) hooks.remove('expireItem', key, durationMs);
        return 'done';
      },
    );
  }

  inspect(key: string): Promise<CacheItem<V> | undefined> {
    return this.#engine.observer.run('inspect', () => this.#items.inspect(key) as Promise<CacheItem<V> | undefined>);
  }

  /** Looks at the whole table in steps, each with the read deadline. @throws CacheOptionError where keys are not stored */
  keys(prefix = '', options: Interruptible = {}): AsyncGenerator<string, void, undefined> {
    return this.#engine.observer.iterate('keys', this.#namespace.keys(prefix, options));
  }

  /** Sweeps what has expired in this namespace, and trims the logs of the table. Every few minutes is often enough. */
  cleanupExpired(options: CleanupOptions = {}): Promise<number> {
    return this.#engine.observer.run('cleanupExpired', () => this.#namespace.cleanupExpired(options));
  }

  ping(): Promise<number> {
    return this.#engine.observer.run('ping', () => this.#namespace.ping());
  }

  /** Another one once PostgreSQL was restarted, crashed, was restored, or another server was promoted. Every role may ask. */
  serverIdentity(): Promise<string> {
    return this.#engine.observer.run('ping', async () => {
      this.#engine.assertOpen('ping');
      return runningServer(this.#engine);
    });
  }

  /** Over a pool that was handed in, another one only once a call found its connection lost. */
  get connectionEpoch(): number {
    return this.#engine.pool.connectionEpoch;
  }

  /** Only the connections of a pool that `connect` made: those of one that was handed in are its owner's. */
  async renewConnections(): Promise<boolean> {
    this.#engine.assertOpen('ping');
    return this.#engine.pool.renew();
  }

  /** Ends the cache, and the pool if `connect` made it. Calls under way settle. */
  close(): Promise<void> {
    this.#closing ??= this.#end();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #end(): Promise<void> {
    this.#engine.isClosed = true;
    this.#namespace.close();
    await Promise.all([this.#engine.order.settleAll(), this.#items.settleReads()]);
    await this.#engine.pool.close();
  }

  async #getObserved<T>(key: string): Promise<T | undefined> {
    const { value } = await this.#engine.observer.run<SizedValue>(
      'get',
      async () => this.#items.getSized(key),
      (hooks, found, durationMs) => {
        if (found.value === undefined) hooks.miss('get', key, durationMs);
        else hooks.hit('get', key, durationMs, found.bytes);
        return found.value === undefined ? 'miss' : 'hit';
      },
    );
    return value as T | undefined;
  }

  async #mgetObserved(keys: readonly string[]): Promise<(V | undefined)[]> {
    const found = await this.#engine.observer.run(
      'mget',
      async () => this.#items.mgetSized(keys),
      (hooks, values, durationMs) => {
        for (const [index, { value, bytes }] of values.entries()) {
          const key = keys[index] as string;
          if (value === undefined) hooks.miss('mget', key, durationMs);
          else hooks.hit('mget', key, durationMs, bytes);
        }
        return 'done';
      },
    );
    return found.map(({ value }) => value as V | undefined);
  }

  async #getEntriesObserved(keys: readonly string[]): Promise<CacheEntry<V>[]> {
    const found = await this.#engine.observer.run(
      'getEntries',
      () => this.#leases.getSizedEntries(keys),
      (hooks, entries, durationMs) => {
        for (const [index, { entry, bytes }] of entries.entries()) {
          const key = keys[index] as string;
          if (entry.state === 'fresh') hooks.hit('getEntries', key, durationMs, bytes);
          else hooks.miss('getEntries', key, durationMs);
        }
        return 'done';
      },
    );
    return found.map(({ entry }) => entry as CacheEntry<V>);
  }

  #count(
    operation: 'increment' | 'decrement',
    key: string,
    amount: number,
    options: CounterOptions | undefined,
  ): Promise<number> {
    return this.#engine.observer.run(
      operation,
      () => this.#atomic.count(operation, key, amount, options),
      (hooks, _sum, durationMs) => {
        hooks.set(operation, key, durationMs);
        return 'done';
      },
    );
  }
}

function validateClient(sql: Sql | TransactionSql): void {
  if (typeof sql !== 'function' || typeof sql.unsafe !== 'function') {
    throw new CacheOptionError('The first argument is a postgres.js instance: postgres(url).', { backend: 'postgres' });
  }
  const options = (sql as Partial<Sql>).options as { readonly transform?: { row?: { from?: unknown } } } | undefined;
  if (options?.transform?.row?.from !== undefined) {
    throw new CacheOptionError('The postgres.js instance transforms rows (transform.row): give the cache another.', {
      backend: 'postgres',
    });
  }
}
