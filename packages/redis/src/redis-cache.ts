/// <reference lib="esnext.disposable" preserve="true" />
import {
  ABSENT,
  type Absent,
  type AsyncCache,
  type AtomicCache,
  type BatchCache,
  CacheClosedError,
  type CacheEntry,
  type CacheErrorContext,
  type CacheItem,
  type CacheOperation,
  CacheOptionError,
  type CleanableCache,
  type CleanupOptions,
  type ClosableCache,
  type CounterOptions,
  createHookDispatcher,
  type EntryOptions,
  type Expiration,
  expirationOf,
  type FillOptions,
  type IdentifiableCache,
  type InspectableCache,
  type Interruptible,
  type IterableCache,
  jsonSerializer,
  type Lease,
  type LeaseOptions,
  type LeasingCache,
  leaseInSecondsOf,
  loadDurationMsOf,
  type PingableCache,
  type PublishingCache,
  type RenewableCache,
  type SetOptions,
  staleInSecondsOf,
  type TaggedCache,
  tagsOf,
  validateCounterAmount,
  validateExpiration,
  validateTagList,
  validateValue,
} from '@cache/core';
import { incrementItem, removeItemIfEquals, setItemTtlIfEquals, setItemWithNx } from './atomic-items.ts';
import type { CacheParts } from './cache-parts.ts';
import { CallObserver } from './call-observer.ts';
import {
  type CallReport,
  done,
  manyEntries,
  manyReads,
  manyWrites,
  oneEntry,
  oneRead,
  oneRemoval,
  oneWrite,
} from './call-report.ts';
import { clearKeys } from './clear-keys.ts';
import { CommandBatch } from './command-batch.ts';
import { connectOwnClient, type OwnClient, type RedisConnectOptions } from './connect.ts';
import { Failures } from './failures.ts';
import { FrameReader } from './frame-reader.ts';
import { ItemCodec } from './item-codec.ts';
import { describeItem, getItem, getItems, getObserved, getTallied, inspectItem } from './item-reads.ts';
import { removeItem, setItem, setItems, setObserved, setPlain, type UnsettledItem } from './item-writes.ts';
import { KeyGate } from './key-gate.ts';
import { KeySpace } from './key-space.ts';
import { expireItem, fill, getEntries, getOrLease, release, renew } from './lease-protocol.ts';
import { listKeys } from './list-keys.ts';
import { type EncodedPayload, isPayload, type PayloadSizes } from './payload-sizes.ts';
import { PlainShare } from './plain-share.ts';
import type { RedisBus } from './redis-bus.ts';
import { limitsOf, type RedisCacheLimits, type RedisCacheOptions } from './redis-cache-options.ts';
import type { RedisClient } from './redis-client.ts';
import { nodesOf } from './redis-nodes.ts';
import { serverIdentity } from './server-identity.ts';
import { collectTags, endTags } from './tag-ends.ts';
import { TagView } from './tag-view.ts';
import { inWaves } from './waves.ts';

const BACKEND = 'redis';

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
  readonly #limits: RedisCacheLimits;
  readonly #observer: CallObserver | undefined;
  readonly #allowClearAll: boolean;
  #ownClient: OwnClient | undefined;
  #isClosed = false;

  /** @throws CacheOptionError for an option that is none, and for what is no client of the `redis` package */
  constructor(client: RedisClient, options: RedisCacheOptions = {}) {
    const { name = BACKEND, prefix = 'cache:', keyTransformer, serializer = jsonSerializer() } = options;
    this.#limits = limitsOf(options);
    const batch = new CommandBatch(nodesOf(client), {
      ...this.#limits,
      onSilence: (answerCount) => this.#ownClient?.onSilence(answerCount),
    });
    const keys = new KeySpace(prefix, keyTransformer);
    const tags = new TagView(batch, keys.tagsKey);
    batch.companions = new FrameReader(batch, tags);
    const hooks = createHookDispatcher(options.hooks, { cache: name, backend: BACKEND });
    this.#observer = hooks === undefined ? undefined : new CallObserver(hooks);
    this.#parts = {
      batch,
      keys,
      codec: new ItemCodec(serializer, this.#limits.maxValueBytes),
      gate: new KeyGate(this.#limits.writeTimeoutMs),
      tags,
      plainShare: new PlainShare(),
      failures: new Failures(name, hooks, batch.nodes),
      bus: options.bus,
    };
    this.#allowClearAll = options.allowClearAll ?? false;
  }

  /**
   * A cache with a client of its own, made with settings under which a lost server is noticed and found again; `close()`
   * ends it. Settles within `connectTimeoutMs` even if the server is down, and goes on connecting.
   *
   * @throws CacheOptionError for a URL that is none, and for credentials that are refused
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
    return this.#get(key) as Promise<T | undefined>;
  }

  set(key: string, value: NonNullable<V>, options?: Expiration | SetOptions): Promise<void> {
    return this.#set(key, value, options);
  }

  removeItem(key: string): Promise<boolean> {
    const work = (context: CacheErrorContext): Promise<boolean> => {
      const { gate, keys } = this.#parts;
      const redisKey = keys.redisKey(key, context);
      return gate.after(redisKey, () => removeItem(this.#parts, 'removeItem', key, redisKey));
    };
    return this.#call('removeItem', true, work, oneRemoval('removeItem', key));
  }

  exists(key: string): Promise<boolean> {
    return this.#call('exists', false, async (context) => (await this.#describe(key, 'exists', context)) !== undefined);
  }

  /** Removes the items under the prefix, in pages of 500, from every master. Refused for an empty prefix without `allowClearAll`. */
  clear(options?: Interruptible): Promise<void> {
    return this.#clear('clear', '', options);
  }

  clearPrefix(prefix: string, options?: Interruptible): Promise<void> {
    return this.#clear('clearPrefix', prefix, options);
  }

  mget(keys: readonly string[]): Promise<(V | undefined)[]> {
    const sizes = this.#observer?.sizesFor('onHit');
    const work = async (context: CacheErrorContext): Promise<(V | undefined)[]> => {
      const redisKeys = keys.map((key) => this.#parts.keys.redisKey(key, context));
      const values = this.#parts.gate.afterAll(redisKeys, () => getItems(this.#parts, redisKeys, sizes));
      return values as Promise<(V | undefined)[]>;
    };
    return this.#call('mget', false, work, manyReads('mget', keys, sizes));
  }

  mset(
    entries: Iterable<readonly [key: string, value: NonNullable<V>]>,
    options?: Expiration | SetOptions,
  ): Promise<void> {
    const appKeys: string[] = [];
    const sizes = this.#observer?.sizesFor('onSet');
    const work = async (context: CacheErrorContext): Promise<void> => {
      const expirationInSeconds = expirationOf(options, this.#limits.defaultExpirationInSeconds, context);
      const tags = tagsOf(options, context);
      const encoding = new Map<string, { key: string; payload: EncodedPayload }>();
      for (const [key, value] of entries) {
        const redisKey = this.#parts.keys.redisKey(key, context);
        if (value === null || value === undefined) validateValue(value, { ...context, key });
        encoding.set(redisKey, { key, payload: this.#parts.codec.encode(value, key, 'mset') });
      }
      for (const { key, payload } of encoding.values()) {
        sizes?.measure(appKeys.length, payload);
        appKeys.push(key);
      }
      await setItems(this.#parts, encoding, expirationInSeconds, tags);
    };
    return this.#call('mset', true, work, manyWrites('mset', appKeys, sizes));
  }

  removeItems(keys: readonly string[]): Promise<number> {
    let removed: readonly { readonly key: string }[] = [];
    const work = async (context: CacheErrorContext): Promise<number> => {
      const items = new Map(keys.map((key) => [this.#parts.keys.redisKey(key, context), key]));
      const list = [...items].map(([redisKey, key]) => ({ redisKey, key }));
      const answers = await inWaves(this.#parts.gate, list, ({ key, redisKey }) =>
        removeItem(this.#parts, 'removeItems', key, redisKey),
      );
      removed = list.filter((_, index) => answers[index]);
      return removed.length;
    };
    return this.#call('removeItems', true, work, (_, hooks, durationMs) => {
      for (const { key } of removed) hooks.remove('removeItems', key, durationMs);
      return 'done';
    });
  }

  increment(key: string, amount = 1, options?: CounterOptions): Promise<number> {
    return this.#count('increment', key, amount, options);
  }

  decrement(key: string, amount = 1, options?: CounterOptions): Promise<number> {
    return this.#count('decrement', key, amount, options);
  }

  setWithNx(key: string, value: NonNullable<V>, options?: Expiration | SetOptions): Promise<boolean> {
    const sizes = this.#observer?.sizesFor('onSet');
    const work = async (context: CacheErrorContext): Promise<boolean> => {
      const item = this.#newItem(key, value, options, 'setWithNx', context);
      sizes?.measure(0, item.payload);
      return this.#encoded(item.redisKey, item.payload, (payload) => setItemWithNx(this.#parts, { ...item, payload }));
    };
    return this.#call('setWithNx', true, work, oneWrite('setWithNx', key, sizes));
  }

  getTtl(key: string): Promise<number | null | undefined> {
    return this.#call('getTtl', false, (context) => this.#describe(key, 'getTtl', context));
  }

  removeIfEquals(key: string, value: NonNullable<V>): Promise<boolean> {
    const work = async (context: CacheErrorContext): Promise<boolean> => {
      const redisKey = this.#parts.keys.redisKey(key, context);
      validateValue(value, { operation: 'removeIfEquals', backend: BACKEND, key });
      const payload = this.#parts.codec.encode(value, key, 'removeIfEquals');
      return this.#encoded(redisKey, payload, (settled) => removeItemIfEquals(this.#parts, key, redisKey, settled));
    };
    return this.#call('removeIfEquals', true, work, oneRemoval('removeIfEquals', key));
  }

  setTtlIfEquals(key: string, value: NonNullable<V>, expirationInSeconds: Expiration): Promise<boolean> {
    const work = async (context: CacheErrorContext): Promise<boolean> => {
      const redisKey = this.#parts.keys.redisKey(key, context);
      validateValue(value, { operation: 'setTtlIfEquals', backend: BACKEND, key });
      const expiration = validateExpiration(expirationInSeconds, context);
      const payload = this.#parts.codec.encode(value, key, 'setTtlIfEquals');
      return this.#encoded(redisKey, payload, (settled) =>
        setItemTtlIfEquals(this.#parts, redisKey, settled, expiration),
      );
    };
    return this.#call('setTtlIfEquals', true, work);
  }

  invalidateTags(tags: readonly string[]): Promise<void> {
    const work = async (context: CacheErrorContext): Promise<void> =>
      endTags(this.#parts, 'invalidateTags', validateTagList(tags, context), 'invalidated');
    return this.#call('invalidateTags', true, work);
  }

  expireTags(tags: readonly string[]): Promise<void> {
    const work = async (context: CacheErrorContext): Promise<void> =>
      endTags(this.#parts, 'expireTags', validateTagList(tags, context), 'expired');
    return this.#call('expireTags', true, work);
  }

  getEntries(keys: readonly string[], options?: EntryOptions): Promise<CacheEntry<V>[]> {
    const observer = this.#observer;
    const startedAtMs = observer?.now() ?? 0;
    const sizes = observer?.sizesFor('onHit');
    const call = this.#getEntries(keys, options, sizes) as Promise<CacheEntry<V>[]>;
    if (observer === undefined) return call;
    return observer.watch('getEntries', startedAtMs, call, manyEntries('getEntries', keys, sizes));
  }

  getOrLease(key: string, options?: LeaseOptions): Promise<CacheEntry<V>> {
    const observer = this.#observer;
    const startedAtMs = observer?.now() ?? 0;
    const sizes = observer?.sizesFor('onHit');
    const call = this.#getOrLease(key, options, sizes) as Promise<CacheEntry<V>>;
    if (observer === undefined) return call;
    return observer.watch('getOrLease', startedAtMs, call, oneEntry('getOrLease', key, sizes));
  }

  fill(lease: Lease, value: NonNullable<V> | Absent, options?: FillOptions): Promise<boolean> {
    const observer = this.#observer;
    const startedAtMs = observer?.now() ?? 0;
    const sizes = observer?.sizesFor('onSet');
    const call = this.#fill(lease, value, options, sizes);
    if (observer === undefined) return call;
    return observer.watch('fill', startedAtMs, call, oneWrite('fill', lease?.key, sizes));
  }

  renew(lease: Lease, leaseInSeconds?: number): Promise<boolean> {
    const work = async (context: CacheErrorContext): Promise<boolean> => {
      const redisKey = this.#leaseKey(lease, context);
      const seconds = leaseInSecondsOf(leaseInSeconds === undefined ? undefined : { leaseInSeconds }, context);
      return this.#parts.gate.after(redisKey, () => renew(this.#parts, lease, redisKey, seconds));
    };
    return this.#call('renew', true, work);
  }

  release(lease: Lease): Promise<void> {
    const work = async (context: CacheErrorContext): Promise<void> => {
      const redisKey = this.#leaseKey(lease, context);
      return this.#parts.gate.after(redisKey, () => release(this.#parts, lease, redisKey));
    };
    return this.#call('release', true, work);
  }

  expireItem(key: string): Promise<boolean> {
    const work = async (context: CacheErrorContext): Promise<boolean> => {
      const redisKey = this.#parts.keys.redisKey(key, context);
      return this.#parts.gate.after(redisKey, () => expireItem(this.#parts, key, redisKey));
    };
    return this.#call('expireItem', true, work);
  }

  /** The keys as they are stored, after the key transformer. */
  keys(prefix = '', options?: Interruptible): AsyncIterable<string> {
    const listing = this.#keys(prefix, options?.signal);
    return this.#observer === undefined ? listing : this.#observer.iterate('keys', listing);
  }

  inspect(key: string): Promise<CacheItem<V> | undefined> {
    const work = async (context: CacheErrorContext): Promise<CacheItem<V> | undefined> => {
      const redisKey = this.#parts.keys.redisKey(key, context);
      return this.#parts.gate.after(redisKey, () => inspectItem(this.#parts, redisKey)) as Promise<
        CacheItem<V> | undefined
      >;
    };
    return this.#call('inspect', false, work);
  }

  /**
   * Redis drops expired items by itself; what is swept here are invalidations of tags older than a day, and the answer
   * is how many there were. An item with tags that was stored before the newest of them is a miss from then on.
   */
  cleanupExpired(options: CleanupOptions = {}): Promise<number> {
    return this.#call('cleanupExpired', true, () => collectTags(this.#parts, options), done, options.signal);
  }

  ping(): Promise<number> {
    const work = async (): Promise<number> => {
      const { batch, keys } = this.#parts;
      const startedAt = performance.now();
      const settings = { operation: 'ping', isWrite: false } as const;
      const masters = batch.nodes.masters();
      await Promise.all(masters.map((node) => batch.send(['PING'], { ...settings, key: keys.prefix, node })));
      return performance.now() - startedAt;
    };
    return this.#call('ping', false, work);
  }

  /** The `run_id` of the server; of a cluster, those of its masters. Needs the right to `INFO`. */
  serverIdentity(): Promise<string> {
    return this.#call('ping', false, () => serverIdentity(this.#parts));
  }

  get connectionEpoch(): number {
    return this.#parts.batch.nodes.connectionEpoch;
  }

  /** Only the connection of a client that `connect` made: one that was handed in is its owner's. */
  async renewConnections(): Promise<boolean> {
    this.#ensureOpen('ping');
    if (this.#ownClient === undefined) return false;
    await this.#ownClient.renew();
    return true;
  }

  /** Ends the cache. A client that was handed in stays open; one that `connect` made is closed. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const own = this.#ownClient;
    this.#ownClient = undefined;
    if (own === undefined) return;
    await this.#parts.batch.atRest();
    await own.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #get(key: string): Promise<unknown> {
    const observer = this.#observer;
    const startedAtMs = observer?.now() ?? 0;
    try {
      this.#ensureOpen('get');
      const redisKey = this.#parts.keys.redisKey(key, GET);
      if (!this.#parts.gate.isInUse) {
        if (observer === undefined) return getItem(this.#parts, redisKey, undefined);
        if (observer.talliesReads) return getTallied(this.#parts, observer.tally(startedAtMs), redisKey);
        if (observer.tellsTogether) return getObserved(this.#parts, observer, startedAtMs, key, redisKey);
      }
      const sizes = observer?.sizesFor('onHit');
      const value = this.#sendFree('get', false, redisKey, () => getItem(this.#parts, redisKey, sizes));
      return observer === undefined ? value : observer.watch('get', startedAtMs, value, oneRead('get', key, sizes));
    } catch (error) {
      observer?.failed('get', startedAtMs, error);
      return Promise.reject(error);
    }
  }

  #getEntries(
    keys: readonly string[],
    options: EntryOptions | undefined,
    sizes: PayloadSizes | undefined,
  ): Promise<CacheEntry<unknown>[]> {
    try {
      this.#ensureOpen('getEntries');
      const redisKeys = keys.map((key) => this.#parts.keys.redisKey(key, GET_ENTRIES));
      const needsRemaining = options?.needsRemaining ?? true;
      return this.#sendFree('getEntries', false, redisKeys, () =>
        getEntries(this.#parts, redisKeys, needsRemaining, sizes),
      );
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #getOrLease(
    key: string,
    options: LeaseOptions | undefined,
    sizes: PayloadSizes | undefined,
  ): Promise<CacheEntry<unknown>> {
    try {
      this.#ensureOpen('getOrLease');
      const redisKey = this.#parts.keys.redisKey(key, GET_OR_LEASE);
      const request = {
        leaseInSeconds: leaseInSecondsOf(options, GET_OR_LEASE),
        staleInSeconds: staleInSecondsOf(options, GET_OR_LEASE),
        evenIfFresh: options?.evenIfFresh ?? false,
      };
      return this.#sendFree('getOrLease', true, redisKey, () => getOrLease(this.#parts, key, redisKey, request, sizes));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #fill(
    lease: Lease,
    value: NonNullable<V> | Absent,
    options: FillOptions | undefined,
    sizes: PayloadSizes | undefined,
  ): Promise<boolean> {
    try {
      this.#ensureOpen('fill');
      const redisKey = this.#leaseKey(lease, FILL);
      const isAbsent = value === ABSENT;
      if (value === null || value === undefined) validateValue(value, { ...FILL, key: lease.key });
      const expirationInSeconds = expirationOf(options, this.#limits.defaultExpirationInSeconds, FILL);
      const staleInSeconds = isAbsent ? 0 : (staleInSecondsOf(options, FILL) ?? 0);
      const loadDurationMs = loadDurationMsOf(options, FILL);
      const tags = tagsOf(options, FILL);
      const store = (payload: string | Buffer | Absent): Promise<boolean> =>
        fill(this.#parts, lease, redisKey, { payload, expirationInSeconds, staleInSeconds, loadDurationMs, tags });
      const encoded = isAbsent ? ABSENT : this.#parts.codec.encode(value, lease.key, 'fill');
      if (encoded !== ABSENT) sizes?.measure(0, encoded);
      if (encoded === ABSENT || isPayload(encoded)) {
        return this.#sendFree('fill', true, redisKey, () => store(encoded));
      }
      return this.#failing('fill', true, this.#encoded(redisKey, encoded, store));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Sends at once, or when nothing holds the keys any more. What is sent has errors of this package. */
  #sendFree<T>(
    operation: CacheOperation,
    isWrite: boolean,
    redisKeys: string | readonly string[],
    send: () => Promise<T>,
  ): Promise<T> {
    const { gate } = this.#parts;
    if (!gate.isInUse) return send();
    const sent = typeof redisKeys === 'string' ? gate.after(redisKeys, send) : gate.afterAll(redisKeys, send);
    return this.#failing(operation, isWrite, sent);
  }

  /** As it is, but with errors of this package. */
  #failing<T>(operation: CacheOperation, isWrite: boolean, sent: Promise<T>): Promise<T> {
    return sent.catch((reason: unknown) => {
      throw this.#parts.failures.of(reason, { operation, isWrite });
    });
  }

  #set(key: string, value: NonNullable<V>, options: Expiration | SetOptions | undefined): Promise<void> {
    const observer = this.#observer;
    const startedAtMs = observer?.now() ?? 0;
    try {
      this.#ensureOpen('set');
      const item = this.#newItem(key, value, options, 'set', SET);
      const { redisKey, payload, expirationInSeconds, tags } = item;
      const isPlain = isPayload(payload) && tags.length === 0 && !this.#parts.gate.isInUse;
      if (isPlain && observer?.tellsTogether) {
        return setObserved(this.#parts, observer, startedAtMs, key, redisKey, payload, expirationInSeconds);
      }
      const sizes = observer?.sizesFor('onSet');
      sizes?.measure(0, payload);
      const stored = isPlain
        ? setPlain(this.#parts, 'set', redisKey, payload, expirationInSeconds)
        : this.#setHolding(item);
      return observer === undefined ? stored : observer.watch('set', startedAtMs, stored, oneWrite('set', key, sizes));
    } catch (error) {
      observer?.failed('set', startedAtMs, error);
      return Promise.reject(error);
    }
  }

  /** A set that takes more than one step. */
  async #setHolding(item: UnsettledItem): Promise<void> {
    try {
      await this.#parts.gate.hold(item.redisKey, async () => {
        const payload = isPayload(item.payload) ? item.payload : await item.payload;
        await setItem(this.#parts, 'set', { ...item, payload });
      });
    } catch (reason) {
      throw this.#parts.failures.of(reason, { operation: 'set', isWrite: true });
    }
  }

  /** Runs `work` in its turn. While the serializer is at work, later calls on the key wait too. */
  #encoded<T>(redisKey: string, encoded: EncodedPayload, work: (payload: string | Buffer) => Promise<T>): Promise<T> {
    const { gate } = this.#parts;
    if (isPayload(encoded)) return gate.after(redisKey, () => work(encoded));
    return gate.hold(redisKey, async () => work(await encoded));
  }

  #newItem(
    key: string,
    value: NonNullable<V>,
    options: Expiration | SetOptions | undefined,
    operation: CacheOperation,
    context: CacheErrorContext,
  ): UnsettledItem {
    const redisKey = this.#parts.keys.redisKey(key, context);
    if (value === null || value === undefined) validateValue(value, { ...context, key });
    const expirationInSeconds = expirationOf(options, this.#limits.defaultExpirationInSeconds, context);
    const tags = tagsOf(options, context);
    return { redisKey, expirationInSeconds, tags, payload: this.#parts.codec.encode(value, key, operation) };
  }

  #describe(
    key: string,
    operation: 'exists' | 'getTtl',
    context: CacheErrorContext,
  ): Promise<number | null | undefined> {
    const redisKey = this.#parts.keys.redisKey(key, context);
    return this.#parts.gate.after(redisKey, () => describeItem(this.#parts, operation, redisKey));
  }

  #count(
    operation: 'increment' | 'decrement',
    key: string,
    amount: number,
    options: CounterOptions | undefined,
  ): Promise<number> {
    const work = async (context: CacheErrorContext): Promise<number> => {
      const redisKey = this.#parts.keys.redisKey(key, context);
      validateCounterAmount(amount, { operation, backend: BACKEND, key });
      const expiration = expirationOf(options, this.#limits.defaultExpirationInSeconds, context);
      const signed = operation === 'increment' ? amount : -amount;
      const { gate } = this.#parts;
      return gate.after(redisKey, () => incrementItem(this.#parts, operation, key, redisKey, signed, expiration));
    };
    return this.#call(operation, true, work, oneWrite(operation, key, undefined));
  }

  #clear(operation: 'clear' | 'clearPrefix', prefix: string, options: Interruptible | undefined): Promise<void> {
    const signal = options?.signal;
    const work = async (context: CacheErrorContext): Promise<void> => {
      const { keys, bus } = this.#parts;
      const keyPrefix = keys.keyPrefix(prefix, context);
      if (keys.prefix === '' && keyPrefix === '' && !this.#allowClearAll) {
        throw new CacheOptionError(
          'clear() without a prefix would remove every key of the database: set prefix, or allowClearAll: true.',
          context,
        );
      }
      await clearKeys(this.#parts, { operation, isWrite: true, keyPrefix, signal });
      await bus?.publish([operation === 'clear' ? { kind: 'clear' } : { kind: 'clearPrefix', prefix: keyPrefix }]);
    };
    return this.#call(operation, true, work, done, signal);
  }

  async *#keys(prefix: string, signal: AbortSignal | undefined): AsyncGenerator<string> {
    this.#ensureOpen('keys');
    const keyPrefix = this.#parts.keys.keyPrefix(prefix, { operation: 'keys', backend: BACKEND });
    for await (const key of listKeys(this.#parts, keyPrefix, signal)) {
      yield key;
      this.#ensureOpen('keys');
    }
  }

  #leaseKey(lease: Lease, context: CacheErrorContext): string {
    if (typeof lease !== 'object' || lease === null || typeof lease.token !== 'string') {
      throw new CacheOptionError('A lease is what getOrLease granted.', context);
    }
    return this.#parts.keys.redisKey(lease.key, context);
  }

  /** Runs a call: validation errors pass, what the server or the client did becomes an error of this package. */
  #call<T>(
    operation: CacheOperation,
    isWrite: boolean,
    work: (context: CacheErrorContext) => Promise<T>,
    report: CallReport<T> = done,
    signal?: AbortSignal,
  ): Promise<T> {
    const call = async (): Promise<T> => {
      this.#ensureOpen(operation);
      try {
        return await work({ operation, backend: BACKEND });
      } catch (reason) {
        if (signal?.aborted && reason === signal.reason) throw reason;
        throw this.#parts.failures.of(reason, { operation, isWrite });
      }
    };
    const observer = this.#observer;
    return observer === undefined ? call() : observer.watch(operation, observer.now(), call(), report);
  }

  #ensureOpen(operation: CacheOperation): void {
    if (this.#isClosed) throw new CacheClosedError('The cache is closed.', { operation, backend: BACKEND });
  }
}

const GET: CacheErrorContext = Object.freeze({ operation: 'get', backend: BACKEND });
const GET_ENTRIES: CacheErrorContext = Object.freeze({ operation: 'getEntries', backend: BACKEND });
const GET_OR_LEASE: CacheErrorContext = Object.freeze({ operation: 'getOrLease', backend: BACKEND });
const FILL: CacheErrorContext = Object.freeze({ operation: 'fill', backend: BACKEND });
const SET: CacheErrorContext = Object.freeze({ operation: 'set', backend: BACKEND });
