import {
  type Absent,
  type AtomicCache,
  type BatchCache,
  type Cache,
  type CacheEntry,
  type CacheItem,
  type CacheOutcome,
  type CleanableCache,
  type CleanupOptions,
  type ClosableCache,
  type CounterOptions,
  createHookDispatcher,
  type Expiration,
  type FillOptions,
  type HookDispatcher,
  type InspectableCache,
  type Interruptible,
  type IterableCache,
  type Lease,
  type LeaseOptions,
  type LeasingCache,
  type SetOptions,
  type TaggedCache,
} from '@cache/core';
import { CallObserver } from './call-observer.ts';
import { type InMemoryCacheOptions, resolveOptions } from './in-memory-cache-options.ts';
import { LeaseCalls } from './lease-calls.ts';
import { MemoryCalls } from './memory-calls.ts';
import type { MemoryEngine } from './memory-engine.ts';

const done = (): CacheOutcome => 'done';

/**
 * A bounded cache in this process: synchronous, with every capability of the protocol.
 *
 * At most `maxSize` items are held, and at most `maxBytes`; when there is no room, expired items go first, then the one that adaptive
 * W-TinyLFU expects to be asked for least. A `get` that finds its item costs one look-up in a hash table and two bytes written.
 *
 * ```ts
 * const cache = new InMemoryCache<User>({ maxSize: 10_000 });
 * cache.set('user:1', { name: 'Alice' }, 60);
 * cache.get('user:1'); // { name: 'Alice' }, or undefined after 60 seconds
 * ```
 *
 * @throws CacheOptionError from the constructor for an option that is wrong, named in the message
 */
export class InMemoryCache<V = unknown>
  implements
    Cache<V>,
    BatchCache<V>,
    AtomicCache<V>,
    TaggedCache,
    LeasingCache<V>,
    IterableCache,
    InspectableCache<V>,
    CleanableCache,
    ClosableCache
{
  readonly #calls: MemoryCalls<V>;
  readonly #leases: LeaseCalls<V>;
  /** Where nothing but a look-up stands between `get` and the value: no hook, no transformed key, no copy. */
  readonly #direct: MemoryEngine<V> | undefined;
  readonly #observer: CallObserver | undefined;
  readonly #timer: NodeJS.Timeout | undefined;

  constructor(options: InMemoryCacheOptions<V> = {}) {
    const resolved = resolveOptions(options);
    const hooks = createHookDispatcher(resolved.hooks, { cache: resolved.name, backend: 'memory' });
    const observer = hooks === undefined ? undefined : new CallObserver(hooks);
    this.#observer = observer;
    this.#calls = new MemoryCalls(resolved, observer && ((displaced) => observer.displaced(displaced)));
    this.#leases = new LeaseCalls(this.#calls);
    this.#direct = observer === undefined && this.#calls.isDirect ? this.#calls.engine : undefined;
    if (resolved.cleanupIntervalInSeconds !== undefined) {
      this.#timer = sweepEvery(resolved.cleanupIntervalInSeconds, new WeakRef<CleanableCache>(this));
    }
  }

  /** How many items are held; expired ones count until they are dropped. Never over `maxSize`. */
  get itemsCount(): number {
    return this.#calls.engine.count;
  }

  /** The sum of the sizes of all items held, as `sizeOf` gave them; `undefined` without `maxBytes`. Never over it. */
  get bytes(): number | undefined {
    return this.#calls.engine.bytes;
  }

  get<T extends V = V>(key: string): T | undefined {
    return (this.#direct === undefined ? this.#get(key) : this.#direct.read(key)) as T | undefined;
  }

  #get(key: string): V | undefined {
    if (this.#observer === undefined) return this.#calls.get(key);
    return this.#observer.observe(
      'get',
      () => this.#calls.get(key),
      (value, hooks, durationMs) => {
        if (value === undefined) hooks.miss('get', key, durationMs);
        else hooks.hit('get', key, durationMs);
        return value === undefined ? 'miss' : 'hit';
      },
    );
  }

  set(key: string, value: NonNullable<V>, options?: Expiration | SetOptions): void {
    if (this.#observer === undefined) {
      this.#calls.set(key, value, options);
      return;
    }
    this.#observer.observe(
      'set',
      () => this.#calls.set(key, value, options),
      (_, hooks, durationMs) => {
        hooks.set('set', key, durationMs);
        return 'done';
      },
    );
  }

  removeItem(key: string): boolean {
    if (this.#observer === undefined) return this.#calls.removeItem(key);
    return this.#observer.observe(
      'removeItem',
      () => this.#calls.removeItem(key),
      (removed, hooks, durationMs) => {
        if (removed) hooks.remove('removeItem', key, durationMs);
        return 'done';
      },
    );
  }

  exists(key: string): boolean {
    if (this.#observer === undefined) return this.#calls.exists(key);
    return this.#observer.observe(
      'exists',
      () => this.#calls.exists(key),
      (found) => (found ? 'hit' : 'miss'),
    );
  }

  /** Removes every item and ends every load under way: what a loader began before is not stored after. */
  clear(options?: Interruptible): void {
    this.#run('clear', () => this.#calls.clear(options));
  }

  mget(keys: readonly string[]): (V | undefined)[] {
    if (this.#observer === undefined) return this.#calls.mget(keys);
    return this.#observer.observe(
      'mget',
      () => this.#calls.mget(keys),
      (values, hooks, durationMs) => {
        keys.forEach((key, i) => {
          if (values[i] === undefined) hooks.miss('mget', key, durationMs);
          else hooks.hit('mget', key, durationMs);
        });
        return 'done';
      },
    );
  }

  mset(entries: Iterable<readonly [key: string, value: NonNullable<V>]>, options?: Expiration | SetOptions): void {
    if (this.#observer === undefined) {
      this.#calls.mset(entries, options);
      return;
    }
    this.#observer.observe(
      'mset',
      () => this.#calls.mset(entries, options),
      (keys, hooks, durationMs) => {
        for (const key of keys) hooks.set('mset', key, durationMs);
        return 'done';
      },
    );
  }

  removeItems(keys: readonly string[]): number {
    if (this.#observer === undefined) return this.#calls.removeItems(keys).length;
    return this.#observer.observe(
      'removeItems',
      () => this.#calls.removeItems(keys),
      (removed, hooks, durationMs) => {
        for (const key of removed) hooks.remove('removeItems', key, durationMs);
        return 'done';
      },
    ).length;
  }

  increment(key: string, amount = 1, options?: Expiration | CounterOptions): number {
    return this.#write(
      'increment',
      key,
      () => this.#calls.add('increment', key, amount, options),
      () => true,
    );
  }

  decrement(key: string, amount = 1, options?: Expiration | CounterOptions): number {
    return this.#write(
      'decrement',
      key,
      () => this.#calls.add('decrement', key, amount, options),
      () => true,
    );
  }

  setWithNx(key: string, value: NonNullable<V>, options?: Expiration | SetOptions): boolean {
    return this.#write(
      'setWithNx',
      key,
      () => this.#calls.setWithNx(key, value, options),
      (stored) => stored,
    );
  }

  getTtl(key: string): number | null | undefined {
    return this.#run('getTtl', () => this.#calls.getTtl(key));
  }

  /** Removes the item only if it holds this value: the same primitive, or an object that is equal all the way down. */
  removeIfEquals(key: string, value: NonNullable<V>): boolean {
    if (this.#observer === undefined) return this.#calls.removeIfEquals(key, value);
    return this.#observer.observe(
      'removeIfEquals',
      () => this.#calls.removeIfEquals(key, value),
      (removed, hooks, durationMs) => {
        if (removed) hooks.remove('removeIfEquals', key, durationMs);
        return 'done';
      },
    );
  }

  /** Gives the item another lifetime only if it holds this value, compared as by `removeIfEquals`. */
  setTtlIfEquals(key: string, value: NonNullable<V>, expirationInSeconds: Expiration): boolean {
    return this.#run('setTtlIfEquals', () => this.#calls.setTtlIfEquals(key, value, expirationInSeconds));
  }

  invalidateTags(tags: readonly string[]): void {
    this.#run('invalidateTags', () => this.#calls.invalidateTags(tags));
  }

  expireTags(tags: readonly string[]): void {
    this.#run('expireTags', () => this.#calls.expireTags(tags));
  }

  getEntries(keys: readonly string[]): CacheEntry<V>[] {
    if (this.#observer === undefined) return this.#leases.getEntries(keys);
    return this.#observer.observe(
      'getEntries',
      () => this.#leases.getEntries(keys),
      (entries, hooks, durationMs) => {
        entries.forEach((entry, i) => {
          reportEntry('getEntries', keys[i] as string, entry, hooks, durationMs);
        });
        return 'done';
      },
    );
  }

  getOrLease(key: string, options?: LeaseOptions): CacheEntry<V> {
    if (this.#observer === undefined) return this.#leases.getOrLease(key, options);
    return this.#observer.observe(
      'getOrLease',
      () => this.#leases.getOrLease(key, options),
      (entry, hooks, durationMs) => reportEntry('getOrLease', key, entry, hooks, durationMs),
    );
  }

  fill(lease: Lease, value: NonNullable<V> | Absent, options?: FillOptions): boolean {
    return this.#write(
      'fill',
      lease?.key,
      () => this.#leases.fill(lease, value, options),
      (stored) => stored,
    );
  }

  renew(lease: Lease, leaseInSeconds?: number): boolean {
    return this.#run('renew', () => this.#leases.renew(lease, leaseInSeconds));
  }

  release(lease: Lease): void {
    this.#run('release', () => this.#leases.release(lease));
  }

  expireItem(key: string): boolean {
    return this.#run('expireItem', () => this.#leases.expireItem(key));
  }

  keys(prefix = '', options?: Interruptible): Generator<string> {
    return this.#run('keys', () => this.#calls.keys(prefix, options));
  }

  clearPrefix(prefix: string, options?: Interruptible): void {
    this.#run('clearPrefix', () => this.#calls.clearPrefix(prefix, options));
  }

  inspect(key: string): CacheItem<V> | undefined {
    return this.#run('inspect', () => this.#calls.inspect(key));
  }

  cleanupExpired(options?: CleanupOptions): number {
    return this.#run('cleanupExpired', () => this.#calls.cleanupExpired(options));
  }

  /** Forgets everything and stops the timer. */
  close(): void {
    clearInterval(this.#timer);
    this.#calls.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #run<T>(operation: Parameters<CallObserver['observe']>[0], call: () => T): T {
    return this.#observer === undefined ? call() : this.#observer.observe(operation, call, done);
  }

  #write<T>(
    operation: Parameters<CallObserver['observe']>[0],
    key: string,
    call: () => T,
    isStored: (answer: T) => boolean,
  ): T {
    if (this.#observer === undefined) return call();
    return this.#observer.observe(operation, call, (answer, hooks, durationMs) => {
      if (isStored(answer)) hooks.set(operation, key, durationMs);
      return 'done';
    });
  }
}

function reportEntry(
  operation: 'getEntries' | 'getOrLease',
  key: string,
  { state }: CacheEntry<unknown>,
  hooks: HookDispatcher,
  durationMs: number,
): CacheOutcome {
  const isHit = state === 'fresh' || state === 'absent';
  if (isHit) hooks.hit(operation, key, durationMs);
  else hooks.miss(operation, key, durationMs);
  return isHit ? 'hit' : state === 'stale' ? 'stale' : 'miss';
}

/** Sweeps for as long as the cache is in use by somebody else: the timer holds neither process nor cache. */
function sweepEvery(seconds: number, cache: WeakRef<CleanableCache>): NodeJS.Timeout {
  const timer = setInterval(() => {
    const alive = cache.deref();
    if (alive === undefined) clearInterval(timer);
    else alive.cleanupExpired();
  }, seconds * 1000);
  return timer.unref();
}
