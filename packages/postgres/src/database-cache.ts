/// <reference lib="esnext.disposable" preserve="true" />
import { randomBytes } from 'node:crypto';
import {
  ABSENT,
  type Absent,
  type AsyncCache,
  type AtomicCache,
  type BatchCache,
  CacheClosedError,
  type CacheEntry,
  type CacheError,
  type CacheErrorContext,
  type CacheItem,
  type CacheOperation,
  CacheOptionError,
  CacheTimeoutError,
  type CleanableCache,
  type CleanupOptions,
  type ClosableCache,
  type CounterOptions,
  counterError,
  type Expiration,
  expirationOf,
  type FillOptions,
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
  resolveKey,
  type SetOptions,
  staleInSecondsOf,
  type TaggedCache,
  tagsOf,
  validateCounterAmount,
  validateKey,
  validateTagList,
  validateValue,
  withDeadline,
} from '@cache/core';
import type { Sql, TransactionSql } from 'postgres';
import { AdaptiveChunk } from './adaptive-chunk.ts';
import { contentOf, entryOf, showsValue } from './cache-entry.ts';
import { CallObserver } from './call-observer.ts';
import { awaitServer, type ConnectOptions, openPool } from './connect.ts';
import { type DatabaseCacheOptions, type ResolvedOptions, resolveOptions } from './database-cache-options.ts';
import { BorrowedPool, type DatabasePool, TransactionPool } from './database-pool.ts';
import { ExpiredSweeper } from './expired-sweeper.ts';
import { ItemReader } from './item-reader.ts';
import { ItemRemover } from './item-remover.ts';
import { ItemWriter, itemElement } from './item-writer.ts';
import { type LeaseStatements, leaseStatements } from './lease-statements.ts';
import { Maintenance } from './maintenance.ts';
import { type MaintenanceStatements, maintenanceStatements } from './maintenance-statements.ts';
import { predicatesOn } from './predicates.ts';
import { type InFlight, ProgramOrder } from './program-order.ts';
import { type ReadStatements, readStatements } from './read-statements.ts';
import { relationsOf } from './relations.ts';
import { numberAt, textAt, textsAt } from './row.ts';
import { adoptServer } from './server-identity.ts';
import type { Statement } from './statement.ts';
import { type Parameters, type Row, StatementRunner } from './statement-runner.ts';
import { type EncodedValue, ValueCodec } from './stored-value.ts';
import { type WriteStatements, writeStatements } from './write-statements.ts';

/** A lease of a transaction would be a row lock until its end, and its fill might publish what is rolled back. */
const NO_LEASE: Lease | undefined = undefined;

/** What the tables' names and the options make of the statements. */
interface Statements {
  readonly reads: ReadStatements;
  readonly writes: WriteStatements;
  readonly leases: LeaseStatements;
  readonly maintenance: MaintenanceStatements;
}

/** How `fill` stores, and under which snapshot the value was loaded. */
export interface DatabaseFillOptions extends FillOptions {
  /**
   * `SELECT pg_current_snapshot()::text` in the loader's own transaction, where that began before the lease (REPEATABLE
   * READ, SERIALIZABLE). On a standby `xmin:xmin:` with the `pg_snapshot_xmin` of it. What it may have missed is not stored.
   * @default the lease's own snapshot
   */
  readonly snapshot?: string;
}

/** After what a transaction removed has been logged, it is carried out so many milliseconds later. */
const APPLY_AFTER_MS = 1_000;

/** How many rows of the table `keys` looks at in one statement. */
const ROWS_A_LISTING = 1_000;

const SNAPSHOT = /^\d{1,19}:\d{1,19}:(?:\d{1,19}(?:,\d{1,19})*)?$/;

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
    ClosableCache
{
  /** The cache's name in events. */
  readonly name: string;
  readonly #cacheOptions: DatabaseCacheOptions;
  readonly #options: ResolvedOptions;
  readonly #pool: DatabasePool;
  readonly #statements: Statements;
  readonly #observer: CallObserver;
  readonly #runner: StatementRunner;
  readonly #codec: ValueCodec;
  readonly #reader: ItemReader;
  readonly #writer: ItemWriter;
  readonly #remover: ItemRemover;
  readonly #order: ProgramOrder;
  readonly #maintenance: Maintenance;
  readonly #prefix: string;
  /** What follows the keys in a write: the namespace, and the origin where events are told. */
  readonly #trailing: Parameters;
  #applyTimer: NodeJS.Timeout | undefined;
  #closing: Promise<void> | undefined;

  /**
   * @param sql a postgres.js instance; it is used and never closed
   * @param pool only `connect` and `using` pass one
   * @throws CacheOptionError
   */
  constructor(sql: Sql, options: DatabaseCacheOptions = {}, pool: DatabasePool = new BorrowedPool(sql)) {
    validateClient(pool.sql);
    const relations = relationsOf(options);
    const resolved = resolveOptions(options);
    const { namespace, origin, readTimeoutMs, writeTimeoutMs, maxBatchSize, maxPending, maxValueBytes } = resolved;
    const predicates = predicatesOn(relations);
    const variant = { keepsPlainKeys: resolved.keepsPlainKeys, tellsEvents: origin !== undefined };
    const prefix = namespace === '' ? '' : Buffer.from(`${namespace}\0`, 'latin1').toString('hex');
    this.name = resolved.name;
    this.#cacheOptions = options;
    this.#options = resolved;
    this.#pool = pool;
    this.#prefix = prefix;
    this.#trailing = origin === undefined ? [namespace] : [namespace, origin];
    this.#statements = {
      reads: readStatements(relations, predicates),
      writes: writeStatements(relations, predicates, variant),
      leases: leaseStatements(relations, predicates, variant),
      maintenance: maintenanceStatements(relations, predicates),
    };
    const { reads, writes, maintenance } = this.#statements;
    this.#observer = new CallObserver(options.hooks, resolved.name);
    this.#runner = new StatementRunner(pool, relations, maxPending, this.#observer);
    this.#codec = new ValueCodec(
      resolved.serializer ?? jsonSerializer(),
      resolved.serializer === undefined,
      maxValueBytes,
    );
    const sweeper = new ExpiredSweeper(this.#runner, writes, prefix, writeTimeoutMs);
    this.#order = new ProgramOrder((key) => this.#reader.reading(key));
    this.#reader = new ItemReader(
      this.#runner,
      reads,
      this.#codec,
      {
        onExpired: (key) => {
          this.#observer.hooks?.expire(key);
          if (!pool.isTransaction && this.#closing === undefined) sweeper.add(key);
        },
        onCorrupt: (error, key, value, payload) => this.#dropCorrupt('get', error, key, value, payload),
      },
      { prefix, timeoutMs: readTimeoutMs, maxBatchSize },
    );
    const { isTransaction } = pool;
    const onSettled = (batch: InFlight & { readonly items: ReadonlyMap<string, unknown> }): void => {
      for (const key of batch.items.keys()) this.#order.release(key, batch);
    };
    const writing = {
      prefix,
      trailing: this.#trailing,
      timeoutMs: writeTimeoutMs,
      maxBatchSize,
      isTransaction,
      onSettled,
    };
    this.#writer = new ItemWriter(this.#runner, writes, writing);
    this.#remover = new ItemRemover(this.#runner, writes, writing);
    this.#maintenance = new Maintenance(this.#runner, maintenance, { prefix, namespace, timeoutMs: writeTimeoutMs });
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
      await awaitServer(adoptServer(pool.sql, relationsOf(options)), options);
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
    inside.#onRemovalLogged = () => this.#applySoon();
    return inside;
  }

  #onRemovalLogged: () => void = () => {};

  get<T extends V = V>(key: string): Promise<T | undefined> {
    const { hooks } = this.#observer;
    if (hooks !== undefined) return this.#getObserved<T>(key);
    try {
      const resolved = this.#keyOf(key, 'get');
      const before = this.#order.beforeRead(resolved);
      const value =
        before === undefined
          ? this.#reader.get(resolved)
          : this.#after('get', resolved, before, () => this.#reader.get(resolved));
      return value as Promise<T | undefined>;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  set(key: string, value: NonNullable<V>, options?: Expiration | SetOptions): Promise<void> {
    let bytes = 0;
    return this.#observer.run(
      'set',
      () => {
        const context = contextOf('set');
        const resolved = this.#keyOf(key, 'set');
        validateValue(value, { ...context, key });
        const lifetime = expirationOf(options, this.#options.defaultExpiration, context);
        const tags = tagsOf(options, context);
        const encoded = this.#codec.encode(value, key, context);
        const store = (payload: EncodedValue): Promise<void> => {
          bytes = payload.bytes;
          return this.#set(resolved, itemElement(resolved, payload, lifetime, tags));
        };
        if (!(encoded instanceof Promise)) return store(encoded);
        return this.#order.runAfter(resolved, this.#order.beforeWrite(resolved), async () => {
          const payload = await encoded;
          bytes = payload.bytes;
          return this.#writer.set(resolved, itemElement(resolved, payload, lifetime, tags));
        });
      },
      (hooks, _answer, durationMs) => {
        hooks.set('set', key, durationMs, bytes);
        return 'done';
      },
    );
  }

  removeItem(key: string): Promise<boolean> {
    return this.#observer.run(
      'removeItem',
      () => this.#remove(this.#keyOf(key, 'removeItem')),
      (hooks, wasLive, durationMs) => {
        if (wasLive) hooks.remove('removeItem', key, durationMs);
        return 'done';
      },
    );
  }

  exists(key: string): Promise<boolean> {
    return this.#observer.run('exists', async () => {
      const resolved = this.#keyOf(key, 'exists');
      return (await this.#readRow('exists', resolved, this.#statements.reads.exists, [resolved])) !== undefined;
    });
  }

  /**
   * Everything in this namespace is dead once the first statement is answered, leases included; the rows are then deleted
   * in steps. If a later step fails, or `signal` ends it, the items are gone all the same and `cleanupExpired` does the rest.
   */
  clear(options: Interruptible = {}): Promise<void> {
    return this.#observer.run('clear', () => this.#clear('clear', null, options));
  }

  /** As {@link clear}, for the keys that start with `prefix`. @throws CacheOptionError where keys are not stored */
  clearPrefix(prefix: string, options: Interruptible = {}): Promise<void> {
    return this.#observer.run('clearPrefix', async () => {
      const context = contextOf('clearPrefix');
      this.#assertOpen('clearPrefix');
      validatePrefix(prefix, context);
      if (!this.#options.keepsPlainKeys) {
        throw new CacheOptionError("Keys are not stored: plainKey is 'none'.", context);
      }
      await this.#clear('clearPrefix', prefix, options);
    });
  }

  mget(keys: readonly string[]): Promise<(V | undefined)[]> {
    return this.#observer.run(
      'mget',
      () => {
        const resolved = this.#keysOf(keys, 'mget');
        return Promise.all(resolved.map((key) => this.#get(key))) as Promise<(V | undefined)[]>;
      },
      (hooks, values, durationMs) => {
        for (const [index, key] of keys.entries()) {
          if (values[index] === undefined) hooks.miss('mget', key, durationMs);
          else hooks.hit('mget', key, durationMs);
        }
        return 'done';
      },
    );
  }

  mset(
    entries: Iterable<readonly [key: string, value: NonNullable<V>]>,
    options?: Expiration | SetOptions,
  ): Promise<void> {
    const stored: string[] = [];
    return this.#observer.run(
      'mset',
      async () => {
        this.#assertOpen('mset');
        const context = contextOf('mset');
        const lifetime = expirationOf(options, this.#options.defaultExpiration, context);
        const tags = tagsOf(options, context);
        const items = new Map<string, { readonly key: string; readonly value: NonNullable<V> }>();
        for (const [key, value] of entries) {
          items.set(this.#keyOf(key, 'mset'), { key, value });
          validateValue(value, { ...context, key });
        }
        const encoded = await settledInTurn(
          [...items].map(
            ([, { key, value }]) =>
              () =>
                this.#codec.encode(value, key, context),
          ),
        );
        await allSettled(
          [...items].map(([resolved, { key }], index) => {
            stored.push(key);
            return this.#set(resolved, itemElement(resolved, encoded[index] as EncodedValue, lifetime, tags));
          }),
        );
      },
      (hooks, _answer, durationMs) => {
        for (const key of stored) hooks.set('mset', key, durationMs);
        return 'done';
      },
    );
  }

  removeItems(keys: readonly string[]): Promise<number> {
    const removed: string[] = [];
    return this.#observer.run(
      'removeItems',
      async () => {
        const resolved = new Map(this.#keysOf(keys, 'removeItems').map((key, index) => [key, keys[index] as string]));
        await allSettled(
          [...resolved].map(async ([key, given]) => {
            if (await this.#remove(key)) removed.push(given);
          }),
        );
        return removed.length;
      },
      (hooks, _count, durationMs) => {
        for (const key of removed) hooks.remove('removeItems', key, durationMs);
        return 'done';
      },
    );
  }

  increment(key: string, amount = 1, options?: CounterOptions): Promise<number> {
    return this.#count('increment', key, amount, options);
  }

  decrement(key: string, amount = 1, options?: CounterOptions): Promise<number> {
    return this.#count('decrement', key, amount, options);
  }

  setWithNx(key: string, value: NonNullable<V>, options?: Expiration | SetOptions): Promise<boolean> {
    let bytes = 0;
    return this.#observer.run(
      'setWithNx',
      async () => {
        const context = contextOf('setWithNx');
        const resolved = this.#keyOf(key, 'setWithNx');
        validateValue(value, { ...context, key });
        const lifetime = expirationOf(options, this.#options.defaultExpiration, context);
        const tags = tagsOf(options, context);
        const encoded = this.#codec.encode(value, key, context);
        const row = await this.#writeKey(
          'setWithNx',
          resolved,
          async () => {
            const payload = await encoded;
            bytes = payload.bytes;
            return [itemElement(resolved, payload, lifetime, tags), ...this.#trailing];
          },
          this.#statements.writes.setWithNx,
        );
        return numberAt(row, 1) === 1;
      },
      (hooks, isStored, durationMs) => {
        if (isStored) hooks.set('setWithNx', key, durationMs, bytes);
        return 'done';
      },
    );
  }

  /** The seconds left, up to one more than the lifetime asked for: see `expires_at`. */
  getTtl(key: string): Promise<number | null | undefined> {
    return this.#observer.run('getTtl', async () => {
      const resolved = this.#keyOf(key, 'getTtl');
      const row = await this.#readRow('getTtl', resolved, this.#statements.reads.lifetime, [resolved]);
      return row === undefined ? undefined : (numberAt(row, 2) ?? null);
    });
  }

  removeIfEquals(key: string, value: NonNullable<V>): Promise<boolean> {
    return this.#observer.run(
      'removeIfEquals',
      async () => {
        const context = contextOf('removeIfEquals');
        const resolved = this.#keyOf(key, 'removeIfEquals');
        validateValue(value, { ...context, key });
        const encoded = this.#codec.encode(value, key, context);
        const [namespace = '', ...origin] = this.#trailing;
        const row = await this.#writeKey(
          'removeIfEquals',
          resolved,
          async () => {
            const { json, unchecked, hex } = await encoded;
            return [resolved, namespace, json ?? unchecked, hex, ...origin];
          },
          this.#statements.writes.removeIfEquals,
        );
        return numberAt(row, 1) === 1;
      },
      (hooks, isRemoved, durationMs) => {
        if (isRemoved) hooks.remove('removeIfEquals', key, durationMs);
        return 'done';
      },
    );
  }

  invalidateTags(tags: readonly string[]): Promise<void> {
    return this.#logTags('invalidateTags', tags, 'false');
  }

  expireTags(tags: readonly string[]): Promise<void> {
    return this.#logTags('expireTags', tags, 'true');
  }

  getEntries(keys: readonly string[]): Promise<CacheEntry<V>[]> {
    return this.#observer.run(
      'getEntries',
      () => this.#entries('getEntries', this.#keysOf(keys, 'getEntries'), undefined),
      (hooks, entries, durationMs) => {
        for (const [index, key] of keys.entries()) {
          if (entries[index]?.state === 'fresh') hooks.hit('getEntries', key, durationMs);
          else hooks.miss('getEntries', key, durationMs);
        }
        return 'done';
      },
    );
  }

  getOrLease(key: string, options: LeaseOptions = {}): Promise<CacheEntry<V>> {
    return this.#observer.run(
      'getOrLease',
      async () => {
        const context = contextOf('getOrLease');
        const resolved = this.#keyOf(key, 'getOrLease');
        const seconds = leaseInSecondsOf(options, context);
        const staleInSeconds = staleInSecondsOf(options, context);
        if (this.#pool.isTransaction) {
          const [entry] = await this.#entries('getOrLease', [resolved], staleInSeconds);
          return entry ?? { state: 'missing' };
        }
        const token = randomBytes(16).toString('hex');
        const row = await this.#writeKey(
          'getOrLease',
          resolved,
          async () => [resolved, token, String(seconds), this.#options.namespace, String(options.evenIfFresh === true)],
          this.#statements.leases.getOrLease,
        );
        const lease = textAt(row, 11) === token ? { key, token } : NO_LEASE;
        const entry = await this.#decodedEntry('getOrLease', resolved, row, staleInSeconds);
        return lease === undefined || entry.state === 'absent' ? entry : { ...entry, lease };
      },
      (hooks, entry, durationMs) => {
        if (entry.state === 'fresh') hooks.hit('getOrLease', key, durationMs);
        else hooks.miss('getOrLease', key, durationMs);
        return entry.state === 'fresh' ? 'hit' : entry.state === 'stale' ? 'stale' : 'miss';
      },
    );
  }

  fill(lease: Lease, value: NonNullable<V> | Absent, options: DatabaseFillOptions = {}): Promise<boolean> {
    let bytes = 0;
    return this.#observer.run(
      'fill',
      async () => {
        const context = contextOf('fill');
        const resolved = this.#keyOf(lease.key, 'fill');
        const lifetime = expirationOf(options, this.#options.defaultExpiration, context);
        const tags = tagsOf(options, context);
        const staleInSeconds = staleInSecondsOf(options, context);
        const loadDurationMs = loadDurationMsOf(options, context);
        validateSnapshot(options.snapshot, context);
        const isAbsent = value === ABSENT;
        if (!isAbsent) validateValue(value, { ...context, key: lease.key });
        const encoded = isAbsent ? NO_VALUE : this.#codec.encode(value, lease.key, context);
        if (this.#pool.isTransaction) return false;
        const row = await this.#writeKey(
          'fill',
          resolved,
          async () => {
            const payload = await encoded;
            bytes = payload.bytes;
            return [
              resolved,
              lease.token,
              itemElement(resolved, payload, lifetime, tags),
              lifetime === null || !staleInSeconds ? null : String(staleInSeconds),
              loadDurationMs === undefined ? null : String(Math.min(Math.round(loadDurationMs), 2_147_483_647)),
              String(isAbsent),
              options.snapshot ?? null,
              this.#options.namespace,
            ];
          },
          this.#statements.leases.fill,
        );
        return textAt(row, 1) === 'true';
      },
      (hooks, isStored, durationMs) => {
        if (isStored && value !== ABSENT) hooks.set('fill', lease.key, durationMs, bytes);
        return 'done';
      },
    );
  }

  renew(lease: Lease, leaseInSeconds?: number): Promise<boolean> {
    return this.#observer.run('renew', async () => {
      const resolved = this.#keyOf(lease.key, 'renew');
      const options = leaseInSeconds === undefined ? undefined : { leaseInSeconds };
      const seconds = leaseInSecondsOf(options, contextOf('renew'));
      if (this.#pool.isTransaction) return false;
      const parameters = [resolved, lease.token, String(seconds)];
      const row = await this.#writeKey('renew', resolved, async () => parameters, this.#statements.leases.renew);
      return numberAt(row, 1) === 1;
    });
  }

  release(lease: Lease): Promise<void> {
    return this.#observer.run('release', async () => {
      const resolved = this.#keyOf(lease.key, 'release');
      if (this.#pool.isTransaction) return;
      const { release } = this.#statements.leases;
      await this.#writeKey('release', resolved, async () => [resolved, lease.token], release);
    });
  }

  expireItem(key: string): Promise<boolean> {
    return this.#observer.run(
      'expireItem',
      async () => {
        const resolved = this.#keyOf(key, 'expireItem');
        const { expire, logRemovals } = this.#statements.writes;
        if (this.#pool.isTransaction) {
          const logged = [JSON.stringify([resolved]), 'true', ...this.#trailing];
          const row = await this.#writeKey('expireItem', resolved, async () => logged, logRemovals);
          this.#onRemovalLogged();
          return textsAt(row, 1).length > 0;
        }
        const row = await this.#writeKey('expireItem', resolved, async () => [resolved, ...this.#trailing], expire);
        return numberAt(row, 1) === 1;
      },
      (hooks, wasLive, durationMs) => {
        if (wasLive) hooks.remove('expireItem', key, durationMs);
        return 'done';
      },
    );
  }

  inspect(key: string): Promise<CacheItem<V> | undefined> {
    return this.#observer.run('inspect', async () => {
      const resolved = this.#keyOf(key, 'inspect');
      const row = await this.#readRow('inspect', resolved, this.#statements.reads.lifetime, [resolved]);
      if (row === undefined) return undefined;
      const [, , , , value = null, payload = null] = row;
      try {
        return { value: (await this.#codec.decode(value, payload)) as V, expiresAt: numberAt(row, 3) ?? null };
      } catch (error) {
        this.#dropCorrupt('inspect', error as CacheError, resolved, value, payload);
        return undefined;
      }
    });
  }

  /** Looks at the whole table in steps, each with the read deadline. @throws CacheOptionError where keys are not stored */
  async *keys(prefix = '', { signal }: Interruptible = {}): AsyncGenerator<string, void, undefined> {
    const context = contextOf('keys');
    this.#assertOpen('keys');
    validatePrefix(prefix, context);
    if (!this.#options.keepsPlainKeys) {
      throw new CacheOptionError("Keys are not stored: plainKey is 'none'.", context);
    }
    await this.#order.settleAll();
    const chunk = new AdaptiveChunk(ROWS_A_LISTING);
    for (let position = '0'; ; ) {
      signal?.throwIfAborted();
      this.#assertOpen('keys');
      const parameters = [this.#prefix, this.#options.namespace, prefix, position, String(chunk.size)];
      const { reads } = this.#statements;
      const row = await this.#runner.callOne('keys', reads.listKeys, parameters, this.#options.readTimeoutMs);
      for (const key of textsAt(row, 2)) {
        yield key;
        signal?.throwIfAborted();
      }
      const next = textAt(row, 1);
      if (next === undefined) return;
      position = next;
    }
  }

  /** Sweeps what has expired in this namespace, and trims the logs of the table. Every few minutes is often enough. */
  cleanupExpired(options: CleanupOptions = {}): Promise<number> {
    return this.#observer.run('cleanupExpired', async () => {
      this.#assertOpen('cleanupExpired');
      const context = contextOf('cleanupExpired');
      const { batchSize } = options;
      if (batchSize !== undefined && !(Number.isInteger(batchSize) && batchSize >= 1 && batchSize <= 100_000)) {
        throw new CacheOptionError('batchSize is a whole number from 1 to 100000.', context);
      }
      if (this.#pool.isTransaction) throw new CacheOptionError('Maintenance has no place in a transaction.', context);
      options.signal?.throwIfAborted();
      return this.#maintenance.cleanUp(options);
    });
  }

  ping(): Promise<number> {
    return this.#observer.run('ping', async () => {
      this.#assertOpen('ping');
      const startedAt = performance.now();
      await this.#runner.callOne('ping', this.#statements.reads.ping, [this.#prefix], this.#options.readTimeoutMs);
      return performance.now() - startedAt;
    });
  }

  /** Ends the cache, and the pool if `connect` made it. Calls under way settle. */
  close(): Promise<void> {
    this.#closing ??= this.#end();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #clear(operation: CacheOperation, prefix: string | null, options: Interruptible): Promise<void> {
    this.#assertOpen(operation);
    options.signal?.throwIfAborted();
    await this.#order.settleAll();
    await this.#writeRow(operation, this.#statements.writes.logClear, [prefix, ...this.#trailing]);
    if (this.#pool.isTransaction) this.#onRemovalLogged();
    else await this.#maintenance.finishClear(options);
  }

  async #end(): Promise<void> {
    clearTimeout(this.#applyTimer);
    await this.#order.settleAll();
    await this.#pool.close();
  }

  #assertOpen(operation: CacheOperation): void {
    if (this.#closing !== undefined) throw new CacheClosedError('The cache is closed.', contextOf(operation));
  }

  #keyOf(key: string, operation: CacheOperation): string {
    if (this.#closing !== undefined) this.#assertOpen(operation);
    return resolveKey(key, this.#options.keyTransformer, contextOf(operation));
  }

  #keysOf(keys: readonly string[], operation: CacheOperation): string[] {
    this.#assertOpen(operation);
    return keys.map((key) => this.#keyOf(key, operation));
  }

  #get(key: string): Promise<unknown> {
    const before = this.#order.beforeRead(key);
    if (before === undefined) return this.#reader.get(key);
    return this.#after('get', key, before, () => this.#reader.get(key));
  }

  #getObserved<T>(key: string): Promise<T | undefined> {
    const start = async (): Promise<{ readonly value: unknown; readonly bytes: number }> => {
      const resolved = this.#keyOf(key, 'get');
      const before = this.#order.beforeRead(resolved);
      const read = (): Promise<{ readonly value: unknown; readonly bytes: number }> => this.#reader.getSized(resolved);
      return before === undefined ? read() : this.#after('get', resolved, before, read);
    };
    return this.#observer
      .run('get', start, (hooks, { value, bytes }, durationMs) => {
        if (value === undefined) hooks.miss('get', key, durationMs);
        else hooks.hit('get', key, durationMs, bytes);
        return value === undefined ? 'miss' : 'hit';
      })
      .then(({ value }) => value as T | undefined);
  }

  #set(key: string, element: string): Promise<void> {
    const before = this.#order.beforeWrite(key);
    if (before !== undefined && before !== this.#writer.isOpenFor(key)) {
      return this.#after('set', key, before, () => this.#writer.set(key, element));
    }
    return this.#writer.set(key, element, (batch) => this.#order.hold(key, batch));
  }

  #remove(key: string): Promise<boolean> {
    if (this.#pool.isTransaction) this.#onRemovalLogged();
    const before = this.#order.beforeWrite(key);
    if (before !== undefined) return this.#after('removeItem', key, before, () => this.#remover.remove(key));
    return this.#remover.remove(key, (batch) => this.#order.hold(key, batch));
  }

  /** Runs a call after others of its key, within one deadline for both the wait and the call. */
  #after<T>(operation: CacheOperation, key: string, before: InFlight, start: () => Promise<T>): Promise<T> {
    const isRead = operation === 'get' || operation === 'getEntries' || operation === 'exists';
    const timeoutMs = isRead ? this.#options.readTimeoutMs : this.#options.writeTimeoutMs;
    let isOver = false;
    const work = this.#order.runAfter(key, before, () => {
      if (isOver) throw new CacheTimeoutError('The deadline passed before the call was sent.', contextOf(operation));
      return start();
    });
    return withDeadline(work, timeoutMs, () => {
      isOver = true;
      return this.#runner.timeout(operation, timeoutMs, !isRead);
    });
  }

  /** The row of a read that is not gathered with others, if it is this key's. */
  async #readRow(
    operation: CacheOperation,
    key: string,
    statement: Statement,
    parameters: Parameters,
  ): Promise<Row | undefined> {
    const before = this.#order.beforeRead(key);
    const call = (): Promise<readonly Row[]> =>
      this.#runner.call(operation, statement, [this.#prefix, ...parameters], this.#options.readTimeoutMs);
    const [row] = await (before === undefined ? call() : this.#after(operation, key, before, call));
    if (row === undefined || textAt(row, 1) === key) return row;
    this.#observer.onCorruption(operation, this.#runner.foreignKey());
    return undefined;
  }

  /** The row of a write that is not gathered with others, in its turn. */
  #writeKey(
    operation: CacheOperation,
    key: string,
    parameters: () => Promise<Parameters>,
    statement: Statement,
  ): Promise<Row> {
    const call = async (): Promise<Row> => this.#writeRow(operation, statement, await parameters());
    const before = this.#order.beforeWrite(key);
    return before === undefined
      ? this.#order.runAfter(key, undefined, call)
      : this.#after(operation, key, before, call);
  }

  #writeRow(operation: CacheOperation, statement: Statement, parameters: Parameters): Promise<Row> {
    return this.#runner.callOne(operation, statement, [this.#prefix, ...parameters], this.#options.writeTimeoutMs);
  }

  #count(
    operation: 'increment' | 'decrement',
    key: string,
    amount: number,
    options: CounterOptions | undefined,
  ): Promise<number> {
    return this.#observer.run(
      operation,
      async () => {
        const context = { ...contextOf(operation), key };
        const resolved = this.#keyOf(key, operation);
        validateCounterAmount(amount, context);
        const lifetime = expirationOf(options ?? undefined, this.#options.defaultExpiration, contextOf(operation));
        const [namespace = '', ...origin] = this.#trailing;
        const change = operation === 'increment' ? amount : -amount;
        const parameters = [
          resolved,
          namespace,
          String(change + 0),
          lifetime === null ? null : String(lifetime),
          ...origin,
        ];
        const { increment } = this.#statements.writes;
        const sum = numberAt(await this.#writeKey(operation, resolved, async () => parameters, increment), 1);
        if (sum === undefined || !Number.isSafeInteger(sum)) throw counterError(context);
        return sum;
      },
      (hooks, _sum, durationMs) => {
        hooks.set(operation, key, durationMs);
        return 'done';
      },
    );
  }

  #logTags(operation: 'invalidateTags' | 'expireTags', tags: readonly string[], keepsStale: string): Promise<void> {
    return this.#observer.run(operation, async () => {
      this.#assertOpen(operation);
      const distinct = validateTagList(tags, contextOf(operation));
      if (distinct.length === 0) return;
      await this.#order.settleAll();
      const parameters = [JSON.stringify(distinct), keepsStale, ...this.#trailing];
      await this.#writeRow(operation, this.#statements.writes.logTags, parameters);
    });
  }

  async #entries(
    operation: CacheOperation,
    keys: readonly string[],
    staleInSeconds: number | undefined,
  ): Promise<CacheEntry<V>[]> {
    const distinct = [...new Set(keys)];
    const entries = new Map<string, CacheEntry<V>>();
    const { maxBatchSize, readTimeoutMs } = this.#options;
    for (const key of distinct) await this.#order.beforeRead(key)?.settled;
    for (let start = 0; start < distinct.length; start += maxBatchSize) {
      const parameters = [this.#prefix, JSON.stringify(distinct.slice(start, start + maxBatchSize))];
      const rows = await this.#runner.call(operation, this.#statements.reads.entries, parameters, readTimeoutMs);
      for (const row of rows) {
        const key = textAt(row, 1) ?? '';
        entries.set(key, await this.#decodedEntry(operation, key, row, staleInSeconds));
      }
    }
    return keys.map((key) => entries.get(key) ?? { state: 'missing' });
  }

  async #decodedEntry(
    operation: CacheOperation,
    key: string,
    row: Row,
    staleInSeconds: number | undefined,
  ): Promise<CacheEntry<V>> {
    const { namespace } = this.#options;
    if (textAt(row, 1) !== undefined && textAt(row, 1) !== key) {
      this.#observer.onCorruption(operation, this.#runner.foreignKey());
      return { state: 'missing' };
    }
    if (!showsValue(row, staleInSeconds)) return entryOf(row, namespace, undefined, false) as CacheEntry<V>;
    const [value, payload] = contentOf(row);
    try {
      const decoded = await this.#codec.decode(value, payload);
      return entryOf(row, namespace, decoded, true) as CacheEntry<V>;
    } catch (error) {
      this.#dropCorrupt(operation, error as CacheError, key, value, payload);
      return { state: 'missing' };
    }
  }

  /** A row that cannot be read is reported, and removed if it still holds the same. */
  #dropCorrupt(
    operation: CacheOperation,
    error: CacheError,
    key: string,
    value: Buffer | null,
    payload: Buffer | null,
  ): void {
    this.#observer.onCorruption(operation, error);
    if (this.#pool.isTransaction || this.#closing !== undefined || (value === null && payload === null)) return;
    const { removeIfEquals } = this.#statements.writes;
    const [namespace = '', ...origin] = this.#trailing;
    const parameters = [
      key,
      namespace,
      value?.toString('utf8') ?? null,
      payload?.toString('latin1') ?? null,
      ...origin,
    ];
    this.#writeRow('removeIfEquals', removeIfEquals, parameters).catch(() => {});
  }

  /** Carries out in the background what transactions logged, so that readers need not look it up for long. */
  #applySoon(): void {
    if (this.#applyTimer !== undefined || this.#closing !== undefined || this.#pool.isTransaction) return;
    this.#applyTimer = setTimeout(() => {
      this.#applyTimer = undefined;
      this.#maintenance
        .applyRemovals()
        .then(() => this.#maintenance.finishClear())
        .catch(() => {});
    }, APPLY_AFTER_MS).unref();
  }
}

const NO_VALUE: EncodedValue = { json: null, hex: null, unchecked: null, bytes: 0 };

const contexts = new Map<CacheOperation, CacheErrorContext>();

/** One object an operation, as every call needs one. */
function contextOf(operation: CacheOperation): CacheErrorContext {
  let context = contexts.get(operation);
  if (context === undefined) {
    context = { operation, backend: 'postgres' };
    contexts.set(operation, context);
  }
  return context;
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

function validatePrefix(prefix: string, context: CacheErrorContext): void {
  if (prefix !== '') validateKey(prefix, context);
}

function validateSnapshot(snapshot: string | undefined, context: CacheErrorContext): void {
  if (snapshot === undefined || (typeof snapshot === 'string' && SNAPSHOT.test(snapshot))) return;
  throw new CacheOptionError('snapshot is the text of pg_current_snapshot(), such as 10:20:10,14.', context);
}

/** All of them, waiting for each: the first failure is thrown when nothing is under way any more. */
async function allSettled(calls: readonly Promise<unknown>[]): Promise<void> {
  const failed = (await Promise.allSettled(calls)).find((outcome) => outcome.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}

async function settledInTurn<T>(starts: readonly (() => T | Promise<T>)[]): Promise<T[]> {
  const values: T[] = [];
  for (const start of starts) {
    const value = start();
    values.push(value instanceof Promise ? await value : value);
  }
  return values;
}
