/// <reference lib="esnext.disposable" preserve="true" />
import {
  type Absent,
  type AsyncCache,
  type AtomicCache,
  type BatchCache,
  type CacheEntry,
  type CacheItem,
  type CleanableCache,
  type CleanupOptions,
  type ClosableCache,
  type CounterOptions,
  createHookDispatcher,
  type EntryOptions,
  type Expiration,
  type FillOptions,
  type IdentifiableCache,
  type InspectableCache,
  type Interruptible,
  type IterableCache,
  jsonSerializer,
  type Lease,
  type LeaseOptions,
  type LeasingCache,
  type PingableCache,
  type PublishingCache,
  type RenewableCache,
  type SetOptions,
  type TaggedCache,
} from '@cache/core';
import { BACKEND } from './backend.ts';
import { CacheAtomics } from './cache-atomics.ts';
import { CacheCalls } from './cache-calls.ts';
import { CacheLeases } from './cache-leases.ts';
import type { CacheParts } from './cache-parts.ts';
import { CachePrefixes } from './cache-prefixes.ts';
import { CacheReads } from './cache-reads.ts';
import { CacheServer } from './cache-server.ts';
import { CacheTags } from './cache-tags.ts';
import { CacheWrites } from './cache-writes.ts';
import { CallObserver } from './call-observer.ts';
import { CommandBatch } from './command-batch.ts';
import { connectOwnClient, type OwnClient, type RedisConnectOptions } from './connect.ts';
import { Failures } from './failures.ts';
import { FrameReader } from './frame-reader.ts';
import { ItemCodec } from './item-codec.ts';
import { KeyGate } from './key-gate.ts';
import { KeySpace } from './key-space.ts';
import { ObservedReads } from './observed-reads.ts';
import { PlainShare } from './plain-share.ts';
import type { RedisBus } from './redis-bus.ts';
import { limitsOf, type RedisCacheOptions } from './redis-cache-options.ts';
import type { RedisClient } from './redis-client.ts';
import { nodesOf } from './redis-nodes.ts';
import { TagView } from './tag-view.ts';

/**
 * A cache in Redis, over a client of the `redis` package that the application made and closes: standalone,
 * Sentinel or Cluster. An `error` listener is attached to it, so that a lost connection does not end the process.
 *
 * Calls of one tick travel together, in the order in which they were made for each key. Every round trip settles within
 * its deadline: a call rejects with `CacheTimeoutError` or `CacheUnavailableError` when Redis does not answer as it
 * should, and with `CacheOptionError` when it refuses the credentials or the client was never connected.
 *
 * ```ts
 * const client = createClient({ url: 'redis://localhost' });
 * await client.connect();
 * const cache = new RedisCache(client, { prefix: 'myapp:' });
 * await cache.set('user:123', { name: 'Alice' }, 600);
 * ```
 */
export class RedisCache<V = unknown>
  implements
    AsyncCache<V>,
    BatchCache<V>,
    AtomicCache<V>,
    TaggedCache,
    LeasingCache<V>,
    IterableCache,
    InspectableCache<V>,
    CleanableCache,
    PingableCache,
    IdentifiableCache,
    RenewableCache,
    PublishingCache,
    ClosableCache,
    AsyncDisposable
{
  readonly #parts: CacheParts;
  readonly #calls: CacheCalls;
  readonly #reads: CacheReads;
  readonly #writes: CacheWrites;
  readonly #atomics: CacheAtomics;
  readonly #tags: CacheTags;
  readonly #leases: CacheLeases;
  readonly #prefixes: CachePrefixes;
  readonly #server: CacheServer;
  #ownClient: OwnClient | undefined;

  /** @throws CacheOptionError for an option that is none, and for what is no client of the `redis` package */
  constructor(client: RedisClient, options: RedisCacheOptions = {}) {
    const { name = BACKEND, prefix = 'cache:', keyTransformer, serializer = jsonSerializer() } = options;
    const limits = limitsOf(options);
    const nodes = nodesOf(client);
    const batch = new CommandBatch(nodes, {
      ...limits,
      onSilence: (answerCount) => {
        if (this.#ownClient === undefined) nodes.standIn?.onSilence();
        else this.#ownClient.onSilence(answerCount);
      },
    });
    nodes.standIn?.join(batch);
    const keys = new KeySpace(prefix, keyTransformer);
    const tags = new TagView(batch, keys.tagsKey);
    const hooks = createHookDispatcher(options.hooks, { cache: name, backend: BACKEND });
    const observer = hooks === undefined ? undefined : new CallObserver(hooks);
    const reads = new FrameReader(batch, tags);
    batch.companions = observer === undefined ? reads : new ObservedReads(reads, observer);
    this.#parts = {
      batch,
      keys,
      codec: new ItemCodec(serializer, limits.maxValueBytes),
      gate: new KeyGate(limits.writeTimeoutMs),
      tags,
      plainShare: new PlainShare(),
      failures: new Failures(name, hooks, batch.nodes),
      bus: options.bus,
    };
    const calls = new CacheCalls(this.#parts, observer, limits.defaultExpirationInSeconds);
    this.#calls = calls;
    this.#reads = new CacheReads(calls);
    this.#writes = new CacheWrites(calls);
    this.#atomics = new CacheAtomics(calls);
    this.#tags = new CacheTags(calls);
    this.#leases = new CacheLeases(calls);
    this.#prefixes = new CachePrefixes(calls, options.allowClearAll ?? false);
    this.#server = new CacheServer(calls);
  }

  /**
   * A cache with a client of its own, made with settings under which a lost server is noticed and found again; `close()`
   * ends it. Settles within `connectTimeoutMs` even if the server is down, and goes on connecting.
   *
   * @throws CacheOptionError for a URL that is none, and for credentials or a database number that the server refuses
   */
  static async connect<V = unknown>(
    url: string,
    options: RedisCacheOptions & RedisConnectOptions = {},
  ): Promise<RedisCache<V>> {
    limitsOf(options);
    const own = await connectOwnClient(url, options);
    try {
      const cache = new RedisCache<V>(own.client, options);
      cache.#ownClient = own;
      return cache;
    } catch (error) {
      await own.close();
      throw error;
    }
  }

  get publishesTo(): RedisBus | undefined {
    return this.#parts.bus;
  }

  get<T extends V = V>(key: string): Promise<T | undefined> {
    return this.#reads.get(key) as Promise<T | undefined>;
  }

  set(key: string, value: NonNullable<V>, options?: Expiration | SetOptions): Promise<void> {
    return this.#writes.set(key, value, options);
  }

  removeItem(key: string): Promise<boolean> {
    return this.#writes.removeItem(key);
  }

  exists(key: string): Promise<boolean> {
    return this.#reads.exists(key);
  }

  /** Removes the items under the prefix, in pages of 500, from every master. Refused for an empty prefix without `allowClearAll`. */
  clear(options?: Interruptible): Promise<void> {
    return this.#prefixes.clear('clear', '', options);
  }

  clearPrefix(prefix: string, options?: Interruptible): Promise<void> {
    return this.#prefixes.clear('clearPrefix', prefix, options);
  }

  mget(keys: readonly string[]): Promise<(V | undefined)[]> {
    return this.#reads.mget(keys) as Promise<(V | undefined)[]>;
  }

  mset(
    entries: Iterable<readonly [key: string, value: NonNullable<V>]>,
    options?: Expiration | SetOptions,
  ): Promise<void> {
    return this.#writes.mset(entries, options);
  }

  removeItems(keys: readonly string[]): Promise<number> {
    return this.#writes.removeItems(keys);
  }

  increment(key: string, amount = 1, options?: Expiration | CounterOptions): Promise<number> {
    return this.#atomics.count('increment', key, amount, options);
  }

  decrement(key: string, amount = 1, options?: Expiration | CounterOptions): Promise<number> {
    return this.#atomics.count('decrement', key, amount, options);
  }

  setWithNx(key: string, value: NonNullable<V>, options?: Expiration | SetOptions): Promise<boolean> {
    return this.#atomics.setWithNx(key, value, options);
  }

  getTtl(key: string): Promise<number | null | undefined> {
    return this.#reads.getTtl(key);
  }

  removeIfEquals(key: string, value: NonNullable<V>): Promise<boolean> {
    return this.#atomics.removeIfEquals(key, value);
  }

  setTtlIfEquals(key: string, value: NonNullable<V>, expirationInSeconds: Expiration): Promise<boolean> {
    return this.#atomics.setTtlIfEquals(key, value, expirationInSeconds);
  }

  invalidateTags(tags: readonly string[]): Promise<void> {
    return this.#tags.invalidateTags(tags);
  }

  expireTags(tags: readonly string[]): Promise<void> {
    return this.#tags.expireTags(tags);
  }

  getEntries(keys: readonly string[], options?: EntryOptions): Promise<CacheEntry<V>[]> {
    return this.#leases.getEntries(keys, options) as Promise<CacheEntry<V>[]>;
  }

  getOrLease(key: string, options?: LeaseOptions): Promise<CacheEntry<V>> {
    return this.#leases.getOrLease(key, options) as Promise<CacheEntry<V>>;
  }

  fill(lease: Lease, value: NonNullable<V> | Absent, options?: FillOptions): Promise<boolean> {
    return this.#leases.fill(lease, value, options);
  }

  renew(lease: Lease, leaseInSeconds?: number): Promise<boolean> {
    return this.#leases.renew(lease, leaseInSeconds);
  }

  release(lease: Lease): Promise<void> {
    return this.#leases.release(lease);
  }

  expireItem(key: string): Promise<boolean> {
    return this.#leases.expireItem(key);
  }

  /** The keys as they are stored, after the key transformer. */
  keys(prefix = '', options?: Interruptible): AsyncIterable<string> {
    return this.#prefixes.keys(prefix, options);
  }

  inspect(key: string): Promise<CacheItem<V> | undefined> {
    return this.#reads.inspect(key) as Promise<CacheItem<V> | undefined>;
  }

  /**
   * Redis drops expired items by itself; what is swept here are invalidations of tags older than a day, and the answer
   * is how many there were. An item with tags that was stored before the newest of them is a miss from then on.
   */
  cleanupExpired(options: CleanupOptions = {}): Promise<number> {
    return this.#tags.cleanupExpired(options);
  }

  ping(): Promise<number> {
    return this.#server.ping();
  }

  /** The `run_id` of the server; of a cluster, those of its masters. Needs the right to `INFO`. */
  serverIdentity(): Promise<string> {
    return this.#server.serverIdentity();
  }

  get connectionEpoch(): number {
    return this.#parts.batch.nodes.connectionEpoch;
  }

  /**
   * Of a client that `connect` made, the connection. One that was handed in is its owner's: its connection is not used any
   * more if it is found dead, and only then is anything given up.
   */
  async renewConnections(): Promise<boolean> {
    this.#calls.ensureOpen('ping');
    if (this.#ownClient === undefined) return (await this.#parts.batch.nodes.standIn?.renew()) ?? false;
    await this.#ownClient.renew();
    return true;
  }

  /** Ends the cache, and whatever connection it made. A client that was handed in stays open. */
  async close(): Promise<void> {
    this.#calls.close();
    const { batch } = this.#parts;
    await batch.nodes.standIn?.leave(batch);
    const own = this.#ownClient;
    this.#ownClient = undefined;
    if (own === undefined) return;
    await batch.atRest();
    await own.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
