import { isDeepStrictEqual } from 'node:util';
import {
  type CacheItem,
  type CacheOperation,
  CacheValueError,
  type CleanupOptions,
  type CounterOptions,
  counterError,
  type Expiration,
  entryListOf,
  expirationOf,
  type Interruptible,
  resolveKey,
  type SetOptions,
  tagsOf,
  validateCounterAmount,
  validateExpiration,
  validateKeyList,
  validateKeyPrefix,
  validateTagList,
  validateValue,
} from '@cache/core';
import type { ResolvedOptions } from './in-memory-cache-options.ts';
import { cloneValue, freezeValue } from './isolation.ts';
import type { ItemDetails } from './item-details.ts';
import { LeaseTable } from './lease-table.ts';
import { MemoryEngine, type MemoryEngineOptions } from './memory-engine.ts';

const BACKEND = 'memory';
/** Expired items dropped between two looks at the signal. */
const DEFAULT_BATCH_SIZE = 1000;

/**
 * Every call but the leases, on arguments as the application gave them: checks, key transformation, isolation, lifetimes.
 *
 * A hit proves its key, since no other key is ever stored; so keys are checked on a miss and on an insert alone.
 */
export class MemoryCalls<V> {
  readonly engine: MemoryEngine<V>;
  readonly leases: LeaseTable = new LeaseTable();
  readonly #options: ResolvedOptions<V>;
  readonly #defaultLifetimeMs: number;
  /** Nothing but a look-up stands between `get` and the value. */
  readonly isDirect: boolean;
  /** Nor between `set` and the slot. */
  readonly #isSimple: boolean;

  constructor(options: ResolvedOptions<V>, onDisplaced: MemoryEngineOptions['onDisplaced']) {
    const { maxSize, maxBytes, clock } = options;
    this.engine = new MemoryEngine({
      maxSize,
      maxBytes,
      clock,
      onDisplaced,
    });
    this.#options = options;
    this.#defaultLifetimeMs = lifetimeMsOf(options.defaultExpirationInSeconds);
    this.isDirect = options.keyTransformer === undefined && options.isolation !== 'clone';
    this.#isSimple = this.isDirect && options.isolation === 'reference' && options.sizeOf === undefined;
  }

  get(key: string): V | undefined {
    if (!this.isDirect) return this.#getIndirect(key);
    return this.engine.read(key);
  }

  set(key: string, value: NonNullable<V>, options: Expiration | SetOptions | undefined): void {
    if (this.#isSimple && options === undefined && value !== null && value !== undefined) {
      if (!this.leases.isEmpty) this.leases.end(key);
      this.engine.write(key, value, this.#defaultLifetimeMs, 0);
      return;
    }
    this.#store('set', this.resolve(key, 'set'), value, options);
  }

  removeItem(key: string): boolean {
    return this.remove(this.resolve(key, 'removeItem'));
  }

  exists(key: string): boolean {
    return this.engine.find(this.resolve(key, 'exists'), this.engine.clock.recent()) !== -1;
  }

  clear(options: Interruptible | undefined): void {
    this.ensureOpen('clear');
    options?.signal?.throwIfAborted();
    this.leases.clear();
    this.engine.clear();
  }

  mget(keys: readonly string[]): (V | undefined)[] {
    this.ensureOpen('mget');
    validateKeyList(keys, { operation: 'mget', backend: BACKEND });
    const resolved = keys.map((key) => this.resolve(key, 'mget'));
    return resolved.map((key) => this.outgoing(this.engine.read(key), key));
  }

  mset(entries: Iterable<readonly [string, NonNullable<V>]>, options: Expiration | SetOptions | undefined): string[] {
    this.ensureOpen('mset');
    const pairs = entryListOf(entries, { operation: 'mset', backend: BACKEND });
    const list = pairs.map(([key, value]) => {
      const resolved = this.resolve(key, 'mset');
      return { key, resolved, ...this.#incoming('mset', resolved, value) };
    });
    const { lifetimeMs, tags } = this.#storage('mset', options);
    for (const { resolved, value, bytes } of list) this.#put(resolved, value, bytes, lifetimeMs, tags);
    return list.map(({ key }) => key);
  }

  removeItems(keys: readonly string[]): string[] {
    this.ensureOpen('removeItems');
    validateKeyList(keys, { operation: 'removeItems', backend: BACKEND });
    const resolved = keys.map((key) => this.resolve(key, 'removeItems'));
    return keys.filter((_, i) => this.remove(resolved[i] as string));
  }

  add(
    operation: 'increment' | 'decrement',
    key: string,
    amount: number,
    options: Expiration | CounterOptions | undefined,
  ): number {
    const context = { operation, backend: BACKEND, key };
    const resolved = this.resolve(key, operation);
    validateCounterAmount(amount, context);
    const lifetimeMs = lifetimeMsOf(expirationOf(options, this.#options.defaultExpirationInSeconds, context));
    const change = operation === 'increment' ? amount : -amount;
    const slot = this.engine.find(resolved, this.engine.clock.exact());
    const before: unknown = slot === -1 ? 0 : this.engine.valueOf(slot);
    // No cast of `-0 + 0`: a counter is never −0.
    const sum = typeof before === 'number' ? before + change + 0 : Number.NaN;
    if (!Number.isSafeInteger(before) || !Number.isSafeInteger(sum)) throw counterError(context);
    const bytes = this.#sizeOf(operation, resolved, sum as V);
    this.leases.end(resolved);
    if (slot === -1) this.#put(resolved, sum as V, bytes, lifetimeMs, []);
    else this.engine.replaceValue(resolved, slot, sum as V, bytes);
    return sum;
  }

  setWithNx(key: string, value: NonNullable<V>, options: Expiration | SetOptions | undefined): boolean {
    const resolved = this.resolve(key, 'setWithNx');
    const { value: stored, bytes } = this.#incoming('setWithNx', resolved, value);
    const { lifetimeMs, tags } = this.#storage('setWithNx', options);
    if (this.engine.find(resolved, this.engine.clock.exact()) !== -1) return false;
    this.#put(resolved, stored, bytes, lifetimeMs, tags);
    return true;
  }

  getTtl(key: string): number | null | undefined {
    const nowMs = this.engine.clock.exact();
    const slot = this.engine.find(this.resolve(key, 'getTtl'), nowMs);
    return slot === -1 ? undefined : this.remainingInSeconds(slot, nowMs);
  }

  removeIfEquals(key: string, value: NonNullable<V>): boolean {
    const resolved = this.resolve(key, 'removeIfEquals');
    validateValue(value, { operation: 'removeIfEquals', backend: BACKEND, key });
    const slot = this.engine.find(resolved, this.engine.clock.exact());
    return slot !== -1 && isDeepStrictEqual(this.engine.valueOf(slot), value) && this.remove(resolved);
  }

  setTtlIfEquals(key: string, value: NonNullable<V>, expirationInSeconds: Expiration): boolean {
    const context = { operation: 'setTtlIfEquals', backend: BACKEND } as const;
    const resolved = this.resolve(key, 'setTtlIfEquals');
    validateValue(value, { ...context, key });
    const lifetimeMs = lifetimeMsOf(validateExpiration(expirationInSeconds, context));
    const nowMs = this.engine.clock.exact();
    const slot = this.engine.find(resolved, nowMs);
    if (slot === -1 || !isDeepStrictEqual(this.engine.valueOf(slot), value)) return false;
    this.engine.extend(slot, nowMs + lifetimeMs);
    return true;
  }

  invalidateTags(tags: readonly string[]): void {
    this.ensureOpen('invalidateTags');
    this.engine.tagLog.invalidate(validateTagList(tags, { operation: 'invalidateTags', backend: BACKEND }));
  }

  expireTags(tags: readonly string[]): void {
    this.ensureOpen('expireTags');
    const valid = validateTagList(tags, { operation: 'expireTags', backend: BACKEND });
    this.engine.tagLog.expire(valid, this.engine.clock.exact());
  }

  keys(prefix: string, options: Interruptible | undefined): Generator<string> {
    this.ensureOpen('keys');
    validateKeyPrefix(prefix, { operation: 'keys', backend: BACKEND });
    return this.#list(prefix, options);
  }

  clearPrefix(prefix: string, options: Interruptible | undefined): void {
    this.ensureOpen('clearPrefix');
    validateKeyPrefix(prefix, { operation: 'clearPrefix', backend: BACKEND });
    options?.signal?.throwIfAborted();
    this.leases.endPrefix(prefix);
    this.engine.dropPrefix(prefix);
  }

  inspect(key: string): CacheItem<V> | undefined {
    const nowMs = this.engine.clock.exact();
    const resolved = this.resolve(key, 'inspect');
    const slot = this.engine.find(resolved, nowMs);
    if (slot === -1) return undefined;
    const remaining = this.remainingInSeconds(slot, nowMs);
    return {
      value: this.outgoing(this.engine.valueOf(slot), resolved) as V,
      expiresAt: remaining === null ? null : Date.now() / 1000 + remaining,
    };
  }

  cleanupExpired(options: CleanupOptions | undefined): number {
    this.ensureOpen('cleanupExpired');
    const batchSize = options?.batchSize ?? DEFAULT_BATCH_SIZE;
    let removed = 0;
    for (;;) {
      options?.signal?.throwIfAborted();
      const dropped = this.engine.dropExpired(this.engine.clock.exact(), batchSize);
      removed += dropped;
      if (dropped === 0) return removed;
      options?.onProgress?.(removed);
    }
  }

  close(): void {
    this.leases.clear();
    this.engine.close();
  }

  ensureOpen(operation: CacheOperation): void {
    this.engine.ensureOpen(operation);
  }

  /** The key as it is stored. */
  resolve(key: string, operation: CacheOperation): string {
    this.ensureOpen(operation);
    return resolveKey(key, this.#options.keyTransformer, { operation, backend: BACKEND });
  }

  /** Removes what is kept under a stored key and ends its lease. True if it was live. */
  remove(key: string): boolean {
    this.leases.end(key);
    const slot = this.engine.locate(key);
    if (slot === -1) return false;
    const wasLive = this.engine.freshness(slot, this.engine.clock.recent()) === 'fresh';
    this.engine.drop(slot);
    return wasLive;
  }

  /** A value on its way in, checked, isolated and measured. */
  incoming(operation: CacheOperation, key: string, value: V): { readonly value: V; readonly bytes: number } {
    return this.#incoming(operation, key, value);
  }

  /** A value on its way out. */
  outgoing(value: V | undefined, key: string): V | undefined {
    return this.#options.isolation === 'clone' ? cloneValue(value, key) : value;
  }

  get defaultExpirationInSeconds(): Expiration {
    return this.#options.defaultExpirationInSeconds;
  }

  remainingInSeconds(slot: number, nowMs: number): number | null {
    const untilMs = this.engine.freshUntilMs(slot);
    return untilMs === Number.POSITIVE_INFINITY ? null : (untilMs - nowMs) / 1000;
  }

  *#list(prefix: string, options: Interruptible | undefined): Generator<string> {
    options?.signal?.throwIfAborted();
    for (const key of this.engine.keys(prefix)) {
      yield key;
      this.ensureOpen('keys');
      options?.signal?.throwIfAborted();
    }
  }

  #getIndirect(key: string): V | undefined {
    const resolved = this.resolve(key, 'get');
    return this.outgoing(this.engine.read(resolved), resolved);
  }

  #store(
    operation: CacheOperation,
    key: string,
    value: NonNullable<V>,
    options: Expiration | SetOptions | undefined,
  ): void {
    const { value: stored, bytes } = this.#incoming(operation, key, value);
    const { lifetimeMs, tags } = this.#storage(operation, options);
    this.#put(key, stored, bytes, lifetimeMs, tags);
  }

  #storage(
    operation: CacheOperation,
    options: Expiration | SetOptions | undefined,
  ): { readonly lifetimeMs: number; readonly tags: readonly string[] } {
    const context = { operation, backend: BACKEND };
    const expiration = expirationOf(options, this.#options.defaultExpirationInSeconds, context);
    return { lifetimeMs: lifetimeMsOf(expiration), tags: tagsOf(options, context) };
  }

  #incoming(operation: CacheOperation, key: string, value: V): { readonly value: V; readonly bytes: number } {
    validateValue(value, { operation, backend: BACKEND, key });
    const { isolation } = this.#options;
    const stored =
      isolation === 'reference' ? value : isolation === 'clone' ? cloneValue(value, key) : freezeValue(value, key);
    return { value: stored, bytes: this.#sizeOf(operation, key, stored) };
  }

  #sizeOf(operation: CacheOperation, key: string, value: V): number {
    const { sizeOf } = this.#options;
    if (sizeOf === undefined) return 0;
    const bytes = sizeOf(value, key);
    if (Number.isFinite(bytes) && bytes >= 0) return bytes;
    throw new CacheValueError(
      `sizeOf is to answer a finite number of bytes, 0 or more; got ${typeof bytes === 'number' ? bytes : typeof bytes}.`,
      {
        operation,
        backend: BACKEND,
        key,
      },
    );
  }

  #put(key: string, value: V, bytes: number, lifetimeMs: number, tags: readonly string[]): void {
    this.leases.end(key);
    if (tags.length === 0) {
      this.engine.write(key, value, lifetimeMs, bytes);
      return;
    }
    const nowMs = this.engine.clock.exact();
    const details: ItemDetails = {
      freshUntilMs: nowMs + lifetimeMs,
      staleForMs: 0,
      storedAtMs: nowMs,
      tags,
      tagSequence: this.engine.tagLog.sequence,
      loadDurationMs: undefined,
      isAbsent: false,
    };
    this.engine.writeDetailed(key, value, nowMs + lifetimeMs, bytes, details);
  }
}

/** A lifetime in the clock's unit; `Infinity` for never. */
export function lifetimeMsOf(expiration: Expiration): number {
  return expiration === null ? Number.POSITIVE_INFINITY : expiration * 1000;
}
