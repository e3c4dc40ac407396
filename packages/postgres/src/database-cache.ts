/// <reference lib="esnext.disposable" preserve="true" />
import type {
  Absent,
  AsyncCache,
  AtomicCache,
  BatchCache,
  CacheEntry,
  CacheItem,
  CleanableCache,
  CleanupOptions,
  ClosableCache,
  CounterOptions,
  Expiration,
  IdentifiableCache,
  InspectableCache,
  Interruptible,
  IterableCache,
  Lease,
  LeaseOptions,
  LeasingCache,
  PingableCache,
  PublishingCache,
  RenewableCache,
  SetOptions,
  TaggedCache,
} from '@cache/core';
import type { Sql, TransactionSql } from 'postgres';
import { AtomicCalls } from './atomic-calls.ts';
import { BorrowedPool } from './borrowed-pool.ts';
import { CacheEngine } from './cache-engine.ts';
import { awaitServer, type ConnectOptions, openPool } from './connect.ts';
import type { DatabaseCacheOptions } from './database-cache-options.ts';
import { type DatabasePool, TransactionPool } from './database-pool.ts';
import { ItemCalls } from './item-calls.ts';
import { type DatabaseFillOptions, LeaseCalls } from './lease-calls.ts';
import { NamespaceCalls } from './namespace-calls.ts';
import { ObservedAtomicCalls } from './observed-atomic-calls.ts';
import { ObservedItemCalls } from './observed-item-calls.ts';
import { ObservedLeaseCalls } from './observed-lease-calls.ts';
import { ObservedNamespaceCalls } from './observed-namespace-calls.ts';
import type { InFlight } from './program-order.ts';
import { relationsOf } from './relations.ts';
import { runningServer } from './running-server.ts';
import { adoptServer } from './server-identity.ts';
import { validateClient } from './validate-client.ts';

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
  readonly #items: ObservedItemCalls;
  readonly #atomic: ObservedAtomicCalls;
  readonly #leases: ObservedLeaseCalls;
  readonly #namespace: ObservedNamespaceCalls;
  /** In a transaction: something was removed that the cache outside may carry out after the commit. */
  #onRemoval: () => void = () => {};
  #closing: Promise<void> | undefined;

  /**
   * @param sql a postgres.js instance; it is used and never closed
   * @param pool only `connect` and `using` pass one
   * @throws CacheOptionError
   */
  constructor(sql: Sql, options: DatabaseCacheOptions = {}, pool?: DatabasePool) {
    validateClient(pool?.sql ?? sql);
    const engine = new CacheEngine(pool ?? new BorrowedPool(sql), options, (key): InFlight[] =>
      this.#items.reading(key),
    );
    this.name = engine.options.name;
    this.#cacheOptions = options;
    this.#engine = engine;
    this.#items = new ObservedItemCalls(new ItemCalls(engine), engine.observer);
    this.#atomic = new ObservedAtomicCalls(new AtomicCalls(engine), engine.observer);
    this.#leases = new ObservedLeaseCalls(new LeaseCalls(engine), engine.observer);
    this.#namespace = new ObservedNamespaceCalls(new NamespaceCalls(engine), engine.observer);
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
    return this.#items.get(key) as Promise<T | undefined>;
  }

  set(key: string, value: NonNullable<V>, options?: Expiration | SetOptions): Promise<void> {
    return this.#items.set(key, value, options);
  }

  removeItem(key: string): Promise<boolean> {
    this.#onRemoval();
    return this.#items.removeItem(key);
  }

  exists(key: string): Promise<boolean> {
    return this.#items.exists(key);
  }

  /**
   * Everything in this namespace is dead once the first statement is answered, leases included; the rows are then deleted
   * in steps. If a later step fails, or `signal` ends it, the items are gone all the same and `cleanupExpired` does the rest.
   */
  clear(options: Interruptible = {}): Promise<void> {
    this.#onRemoval();
    return this.#namespace.clear(options);
  }

  /** As {@link clear}, for the keys that start with `prefix`. @throws CacheOptionError where keys are not stored */
  clearPrefix(prefix: string, options: Interruptible = {}): Promise<void> {
    this.#onRemoval();
    return this.#namespace.clearPrefix(prefix, options);
  }

  mget(keys: readonly string[]): Promise<(V | undefined)[]> {
    return this.#items.mget(keys) as Promise<(V | undefined)[]>;
  }

  mset(
    entries: Iterable<readonly [key: string, value: NonNullable<V>]>,
    options?: Expiration | SetOptions,
  ): Promise<void> {
    return this.#items.mset(entries, options);
  }

  removeItems(keys: readonly string[]): Promise<number> {
    this.#onRemoval();
    return this.#items.removeItems(keys);
  }

  increment(key: string, amount = 1, options?: Expiration | CounterOptions): Promise<number> {
    return this.#atomic.count('increment', key, amount, options);
  }

  decrement(key: string, amount = 1, options?: Expiration | CounterOptions): Promise<number> {
    return this.#atomic.count('decrement', key, amount, options);
  }

  setWithNx(key: string, value: NonNullable<V>, options?: Expiration | SetOptions): Promise<boolean> {
    return this.#atomic.setWithNx(key, value, options);
  }

  /** The seconds left, up to one more than the lifetime asked for: see `expires_at`. */
  getTtl(key: string): Promise<number | null | undefined> {
    return this.#atomic.getTtl(key);
  }

  removeIfEquals(key: string, value: NonNullable<V>): Promise<boolean> {
    return this.#atomic.removeIfEquals(key, value);
  }

  setTtlIfEquals(key: string, value: NonNullable<V>, expirationInSeconds: Expiration): Promise<boolean> {
    return this.#atomic.setTtlIfEquals(key, value, expirationInSeconds);
  }

  invalidateTags(tags: readonly string[]): Promise<void> {
    return this.#namespace.invalidateTags('invalidateTags', tags);
  }

  expireTags(tags: readonly string[]): Promise<void> {
    return this.#namespace.invalidateTags('expireTags', tags);
  }

  getEntries(keys: readonly string[]): Promise<CacheEntry<V>[]> {
    return this.#leases.getEntries(keys) as Promise<CacheEntry<V>[]>;
  }

  getOrLease(key: string, options: LeaseOptions = {}): Promise<CacheEntry<V>> {
    return this.#leases.getOrLease(key, options) as Promise<CacheEntry<V>>;
  }

  fill(lease: Lease, value: NonNullable<V> | Absent, options: DatabaseFillOptions = {}): Promise<boolean> {
    return this.#leases.fill(lease, value, options);
  }

  renew(lease: Lease, leaseInSeconds?: number): Promise<boolean> {
    return this.#leases.renew(lease, leaseInSeconds);
  }

  release(lease: Lease): Promise<void> {
    return this.#leases.release(lease);
  }

  expireItem(key: string): Promise<boolean> {
    this.#onRemoval();
    return this.#leases.expireItem(key);
  }

  inspect(key: string): Promise<CacheItem<V> | undefined> {
    return this.#items.inspect(key) as Promise<CacheItem<V> | undefined>;
  }

  /** Looks at the whole table in steps, each with the read deadline. @throws CacheOptionError where keys are not stored */
  keys(prefix = '', options: Interruptible = {}): AsyncGenerator<string, void, undefined> {
    return this.#namespace.keys(prefix, options);
  }

  /** Sweeps what has expired in this namespace, and trims the logs of the table. Every few minutes is often enough. */
  cleanupExpired(options: CleanupOptions = {}): Promise<number> {
    return this.#namespace.cleanupExpired(options);
  }

  ping(): Promise<number> {
    return this.#namespace.ping();
  }

  /** Another one once PostgreSQL was restarted, crashed, was restored, or another server was promoted. Every role may ask. */
  serverIdentity(): Promise<string> {
    return this.#engine.observer.run('ping', async () => {
      this.#engine.assertOpen('ping');
      return runningServer(this.#engine);
    });
  }

  /** Over a pool that was handed in, another one only once a call found its connection lost, or was led around it. */
  get connectionEpoch(): number {
    return this.#engine.pool.connectionEpoch;
  }

  /**
   * Gives up the connections of a pool that `connect` made. Those of one that was handed in are its owner's: those that lead
   * nowhere are led around. False where that cannot be seen, as behind PgBouncer.
   */
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
}
