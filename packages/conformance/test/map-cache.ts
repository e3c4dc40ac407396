import {
  ABSENT,
  type Absent,
  type AtomicCache,
  type BatchCache,
  type Cache,
  CacheClosedError,
  type CacheEntry,
  type CacheError,
  type CacheHooks,
  type CacheItem,
  type CacheOperation,
  type CacheOutcome,
  CacheValueError,
  type CleanableCache,
  type CleanupOptions,
  type ClosableCache,
  type CounterOptions,
  counterError,
  createHookDispatcher,
  type Expiration,
  entryListOf,
  expirationOf,
  type FillOptions,
  hasErrorCode,
  type InspectableCache,
  type Interruptible,
  type IterableCache,
  jsonSerializer,
  type KeyTransformer,
  type Lease,
  type LeaseOptions,
  type LeasingCache,
  leaseInSecondsOf,
  loadDurationMsOf,
  resolveKey,
  type SetOptions,
  staleInSecondsOf,
  type TaggedCache,
  tagsOf,
  validateCounterAmount,
  validateExpiration,
  validateKeyList,
  validateKeyPrefix,
  validateTagList,
  validateValue,
} from '@cache/core';

/** What stands under a key: a value or ABSENT with its times, a load in progress, or both. */
export interface Slot {
  payload: string | Absent | undefined;
  storedAt: number;
  freshUntil: number;
  staleUntil: number;
  tags: readonly string[];
  /** The sequence of invalidations when the value's load began. */
  stamp: number;
  loadDurationMs: number | undefined;
  lease: { token: string; until: number; stamp: number } | undefined;
}

/** The state behind every cache of one namespace, as a server would hold it. */
export interface Store {
  readonly slots: Map<string, Slot>;
  readonly tags: Map<string, number>;
  readonly expiredTags: Map<string, number>;
  sequence: number;
}

export function newStore(): Store {
  return { slots: new Map(), tags: new Map(), expiredTags: new Map(), sequence: 0 };
}

export interface MapCacheOptions {
  readonly store?: Store;
  /** Monotonic seconds. */
  readonly now?: () => number;
  readonly hooks?: CacheHooks | readonly CacheHooks[] | undefined;
  readonly keyTransformer?: KeyTransformer | undefined;
}

/**
 * The contract, written as plainly as it can be: what the rules are tried on, and broken in one place at a time to see
 * that a rule notices. It holds JSON, so that it is judged as a server is.
 */
export class MapCache
  implements
    Cache,
    BatchCache,
    AtomicCache,
    TaggedCache,
    LeasingCache,
    IterableCache,
    InspectableCache,
    CleanableCache,
    ClosableCache
{
  readonly store: Store;
  readonly now: () => number;
  readonly serializer = jsonSerializer();
  readonly #hooks: ReturnType<typeof createHookDispatcher>;
  readonly #keyTransformer: KeyTransformer | undefined;
  #isClosed = false;

  constructor({
    store = newStore(),
    now = () => performance.now() / 1000,
    hooks,
    keyTransformer,
  }: MapCacheOptions = {}) {
    this.store = store;
    this.now = now;
    this.#hooks = createHookDispatcher(hooks, { cache: 'map', backend: 'map' });
    this.#keyTransformer = keyTransformer;
  }

  get<T = unknown>(key: string): T | undefined {
    return this.call('get', () => {
      const slot = this.fresh(this.resolve(key, 'get'));
      this.tellRead('get', key, slot !== undefined);
      return [slot === undefined ? 'miss' : 'hit', this.read(slot) as T | undefined];
    });
  }

  set(key: string, value: unknown, options?: Expiration | SetOptions): void {
    this.call('set', () => {
      const write = this.prepareWrite('set', key, value, options);
      write();
      this.tell('set', 'set', key);
      return ['done', undefined];
    });
  }

  removeItem(key: string): boolean {
    return this.call('removeItem', () => ['done', this.remove('removeItem', key, this.resolve(key, 'removeItem'))]);
  }

  exists(key: string): boolean {
    return this.call('exists', () => ['done', this.fresh(this.resolve(key, 'exists')) !== undefined]);
  }

  clear({ signal }: Interruptible = {}): void {
    this.call('clear', () => {
      signal?.throwIfAborted();
      this.store.slots.clear();
      return ['done', undefined];
    });
  }

  mget(keys: readonly string[]): unknown[] {
    return this.call('mget', () => {
      validateKeyList(keys, this.context('mget'));
      const slots = keys.map((key) => this.resolve(key, 'mget')).map((key) => this.fresh(key));
      for (const [index, key] of keys.entries()) this.tellRead('mget', key, slots[index] !== undefined);
      return ['done', slots.map((slot) => this.read(slot))];
    });
  }

  mset(entries: Iterable<readonly [string, unknown]>, options?: Expiration | SetOptions): void {
    this.call('mset', () => {
      const list = entryListOf(entries, this.context('mset'));
      const writes = list.map(([key, value]) => this.prepareWrite('mset', key, value, options));
      for (const write of writes) write();
      for (const [key] of list) this.tell('set', 'mset', key);
      return ['done', undefined];
    });
  }

  removeItems(keys: readonly string[]): number {
    return this.call('removeItems', () => {
      validateKeyList(keys, this.context('removeItems'));
      const stored = keys.map((key) => this.resolve(key, 'removeItems'));
      return ['done', stored.filter((key, index) => this.remove('removeItems', keys[index] ?? '', key)).length];
    });
  }

  increment(key: string, amount = 1, options?: Expiration | CounterOptions): number {
    return this.call('increment', () => ['done', this.add('increment', key, amount, options)]);
  }

  decrement(key: string, amount = 1, options?: Expiration | CounterOptions): number {
    return this.call('decrement', () => ['done', this.add('decrement', key, amount, options)]);
  }

  setWithNx(key: string, value: unknown, options?: Expiration | SetOptions): boolean {
    return this.call('setWithNx', () => {
      const write = this.prepareWrite('setWithNx', key, value, options);
      if (this.fresh(this.resolve(key, 'setWithNx')) !== undefined) return ['done', false];
      write();
      this.tell('set', 'setWithNx', key);
      return ['done', true];
    });
  }

  getTtl(key: string): number | null | undefined {
    return this.call('getTtl', () => ['done', this.remaining(this.fresh(this.resolve(key, 'getTtl')))]);
  }

  removeIfEquals(key: string, value: unknown): boolean {
    return this.call('removeIfEquals', () => {
      const stored = this.resolve(key, 'removeIfEquals');
      const payload = this.serialize('removeIfEquals', key, value);
      if (this.fresh(stored)?.payload !== payload) return ['done', false];
      return ['done', this.remove('removeIfEquals', key, stored)];
    });
  }

  setTtlIfEquals(key: string, value: unknown, expirationInSeconds: Expiration): boolean {
    return this.call('setTtlIfEquals', () => {
      const stored = this.resolve(key, 'setTtlIfEquals');
      const payload = this.serialize('setTtlIfEquals', key, value);
      const lifetime = validateExpiration(expirationInSeconds, this.context('setTtlIfEquals'));
      const slot = this.fresh(stored);
      if (slot?.payload !== payload) return ['done', false];
      const staleWindow = Number.isFinite(slot.freshUntil) ? slot.staleUntil - slot.freshUntil : 0;
      slot.freshUntil = lifetime === null ? Number.POSITIVE_INFINITY : this.now() + lifetime;
      slot.staleUntil = slot.freshUntil + staleWindow;
      return ['done', true];
    });
  }

  invalidateTags(tags: readonly string[]): void {
    this.call('invalidateTags', () => ['done', this.mark('invalidateTags', tags, this.store.tags)]);
  }

  expireTags(tags: readonly string[]): void {
    this.call('expireTags', () => ['done', this.mark('expireTags', tags, this.store.expiredTags)]);
  }

  getEntries(keys: readonly string[]): CacheEntry<unknown>[] {
    return this.call('getEntries', () => {
      validateKeyList(keys, this.context('getEntries'));
      const stored = keys.map((key) => this.resolve(key, 'getEntries'));
      return ['done', stored.map((key) => this.entry(this.store.slots.get(key), undefined))];
    });
  }

  getOrLease(key: string, options?: LeaseOptions): CacheEntry<unknown> {
    return this.call('getOrLease', () => {
      const context = this.context('getOrLease');
      const stored = this.resolve(key, 'getOrLease');
      const leaseInSeconds = leaseInSecondsOf(options, context);
      const slot = this.store.slots.get(stored);
      const entry = this.entry(slot, staleInSecondsOf(options, context));
      const isKnown = (entry.state === 'fresh' && options?.evenIfFresh !== true) || entry.state === 'absent';
      this.tellRead('getOrLease', key, entry.state === 'fresh');
      const outcome = entry.state === 'fresh' ? 'hit' : entry.state === 'stale' ? 'stale' : 'miss';
      if (isKnown || this.isLeased(slot)) return [outcome, entry];
      const lease = this.grant(key, stored, leaseInSeconds, entry.state === 'missing' ? undefined : slot);
      return [outcome, { ...entry, lease } as CacheEntry<unknown>];
    });
  }

  fill(lease: Lease, value: unknown, options?: FillOptions): boolean {
    return this.call('fill', () => {
      const context = this.context('fill');
      const stored = this.resolve(lease.key, 'fill');
      const payload = value === ABSENT ? ABSENT : this.serialize('fill', lease.key, value);
      const expiration = expirationOf(options, 300, context);
      const staleInSeconds = staleInSecondsOf(options, context) ?? 0;
      const loadDurationMs = loadDurationMsOf(options, context);
      const tags = tagsOf(options, context);
      const held = this.store.slots.get(stored)?.lease;
      if (held === undefined || held.token !== lease.token || !this.areFresh(tags, held.stamp)) return ['done', false];
      this.write(stored, payload, expiration, {
        staleInSeconds,
        tags,
        stamp: held.stamp,
        ...(loadDurationMs === undefined ? {} : { loadDurationMs }),
      });
      this.tell('set', 'fill', lease.key);
      return ['done', true];
    });
  }

  renew(lease: Lease, leaseInSeconds?: number): boolean {
    return this.call('renew', () => {
      const stored = this.resolve(lease.key, 'renew');
      const options = leaseInSeconds === undefined ? {} : { leaseInSeconds };
      const seconds = leaseInSecondsOf(options, this.context('renew'));
      const slot = this.store.slots.get(stored);
      if (slot?.lease?.token !== lease.token || !this.isLeased(slot)) return ['done', false];
      slot.lease.until = this.now() + seconds;
      return ['done', true];
    });
  }

  release(lease: Lease): void {
    this.call('release', () => {
      const stored = this.resolve(lease.key, 'release');
      const slot = this.store.slots.get(stored);
      if (slot?.lease?.token === lease.token) {
        slot.lease = undefined;
        if (slot.payload === undefined) this.store.slots.delete(stored);
      }
      return ['done', undefined];
    });
  }

  expireItem(key: string): boolean {
    return this.call('expireItem', () => {
      const stored = this.resolve(key, 'expireItem');
      const slot = this.store.slots.get(stored);
      if (slot === undefined) return ['done', false];
      const isLive = this.fresh(stored) !== undefined;
      const staleWindow = slot.staleUntil - slot.freshUntil;
      if (typeof slot.payload !== 'string' || !this.areValid(slot.tags, slot.stamp) || !(staleWindow > 0)) {
        this.store.slots.delete(stored);
        return ['done', isLive];
      }
      slot.lease = undefined;
      if (isLive) {
        slot.freshUntil = this.now();
        slot.staleUntil = this.now() + staleWindow;
      }
      return ['done', isLive];
    });
  }

  *keys(prefix = '', { signal }: Interruptible = {}): Generator<string> {
    this.call('keys', () => ['done', signal?.throwIfAborted()]);
    for (const key of [...this.store.slots.keys()]) {
      if (key.startsWith(prefix) && this.fresh(key) !== undefined) yield key;
    }
  }

  clearPrefix(prefix: string, { signal }: Interruptible = {}): void {
    this.call('clearPrefix', () => {
      validateKeyPrefix(prefix, this.context('clearPrefix'));
      signal?.throwIfAborted();
      for (const key of this.store.slots.keys()) if (key.startsWith(prefix)) this.store.slots.delete(key);
      return ['done', undefined];
    });
  }

  inspect(key: string): CacheItem | undefined {
    return this.call('inspect', () => {
      const slot = this.fresh(this.resolve(key, 'inspect'));
      const remaining = this.remaining(slot);
      if (slot === undefined || remaining === undefined) return ['done', undefined];
      return ['done', { value: this.read(slot), expiresAt: remaining === null ? null : Date.now() / 1000 + remaining }];
    });
  }

  cleanupExpired({ onProgress }: CleanupOptions = {}): number {
    return this.call('cleanupExpired', () => {
      const isOver = (slot: Slot) => slot.staleUntil <= this.now() && !this.isLeased(slot);
      const expired = [...this.store.slots].filter(([, slot]) => isOver(slot));
      for (const [key] of expired) this.store.slots.delete(key);
      onProgress?.(expired.length);
      return ['done', expired.length];
    });
  }

  close(): void {
    this.#isClosed = true;
  }

  [Symbol.dispose](): void {
    this.close();
  }

  context(operation: CacheOperation): { operation: CacheOperation; backend: string } {
    return { operation, backend: 'map' };
  }

  resolve(key: string, operation: CacheOperation): string {
    return resolveKey(key, this.#keyTransformer, this.context(operation));
  }

  serialize(operation: CacheOperation, key: string, value: unknown): string {
    const context = { ...this.context(operation), key };
    validateValue(value, context);
    try {
      const payload = this.serializer.serialize(value);
      if (payload.length <= 1_048_576) return payload;
    } catch (error) {
      if (!hasErrorCode(error, 'ERR_CACHE_VALUE') || error.path === undefined) throw error;
      throw new CacheValueError(error.message, { ...context, path: error.path });
    }
    throw new CacheValueError('The value has more than 1,048,576 bytes.', context);
  }

  read(slot: Slot | undefined): unknown {
    return typeof slot?.payload === 'string' ? this.serializer.deserialize(slot.payload) : undefined;
  }

  /** The slot if it holds a live value. */
  fresh(key: string): Slot | undefined {
    const slot = this.store.slots.get(key);
    return typeof slot?.payload === 'string' && slot.freshUntil > this.now() && this.areFresh(slot.tags, slot.stamp)
      ? slot
      : undefined;
  }

  areValid(tags: readonly string[], stamp: number): boolean {
    return tags.every((tag) => (this.store.tags.get(tag) ?? 0) <= stamp);
  }

  areFresh(tags: readonly string[], stamp: number): boolean {
    return this.areValid(tags, stamp) && tags.every((tag) => (this.store.expiredTags.get(tag) ?? 0) <= stamp);
  }

  mark(operation: CacheOperation, tags: readonly string[], sequences: Map<string, number>): void {
    const distinct = validateTagList(tags, this.context(operation));
    this.store.sequence += 1;
    for (const tag of distinct) sequences.set(tag, this.store.sequence);
  }

  isLeased(slot: Slot | undefined): boolean {
    return slot?.lease !== undefined && slot.lease.until > this.now();
  }

  remaining(slot: Slot | undefined): number | null | undefined {
    if (slot === undefined) return undefined;
    return slot.freshUntil === Number.POSITIVE_INFINITY ? null : slot.freshUntil - this.now();
  }

  prepareWrite(
    operation: CacheOperation,
    key: string,
    value: unknown,
    options: Expiration | SetOptions | undefined,
  ): () => void {
    const stored = this.resolve(key, operation);
    const payload = this.serialize(operation, key, value);
    const expiration = expirationOf(options, 300, this.context(operation));
    const tags = tagsOf(options, this.context(operation));
    return () => this.write(stored, payload, expiration, { tags });
  }

  write(
    key: string,
    payload: string | Absent,
    expiration: Expiration,
    { tags = [], staleInSeconds = 0, stamp = this.store.sequence, loadDurationMs }: Partial<Slot> & FillOptions,
  ): void {
    const storedAt = this.now();
    const freshUntil = expiration === null ? Number.POSITIVE_INFINITY : storedAt + expiration;
    const staleUntil = freshUntil + staleInSeconds;
    this.store.slots.set(key, {
      payload,
      storedAt,
      freshUntil,
      staleUntil,
      tags,
      stamp,
      loadDurationMs,
      lease: undefined,
    });
  }

  remove(operation: CacheOperation, key: string, stored: string): boolean {
    const isLive = this.fresh(stored) !== undefined;
    this.store.slots.delete(stored);
    if (isLive) this.tell('remove', operation, key);
    return isLive;
  }

  add(
    operation: 'increment' | 'decrement',
    key: string,
    amount: number,
    options?: Expiration | CounterOptions,
  ): number {
    const context = { ...this.context(operation), key };
    const stored = this.resolve(key, operation);
    validateCounterAmount(amount, context);
    const expiration = expirationOf(options, 300, context);
    const slot = this.fresh(stored);
    const current = slot === undefined ? 0 : this.read(slot);
    const sum = Number(current) + (operation === 'increment' ? amount : -amount);
    if (!Number.isSafeInteger(current) || !Number.isSafeInteger(sum)) throw counterError(context);
    if (slot === undefined) this.write(stored, `${sum}`, expiration, {});
    else slot.payload = `${sum}`;
    this.tell('set', operation, key);
    return sum;
  }

  grant(key: string, stored: string, leaseInSeconds: number, stale: Slot | undefined): Lease {
    const token = crypto.randomUUID();
    const lease = { token, until: this.now() + leaseInSeconds, stamp: this.store.sequence };
    if (stale !== undefined) stale.lease = lease;
    else {
      const nothing = { payload: undefined, storedAt: 0, freshUntil: 0, staleUntil: 0, tags: [], stamp: 0 };
      this.store.slots.set(stored, { ...nothing, loadDurationMs: undefined, lease });
    }
    return { key, token };
  }

  entry(slot: Slot | undefined, staleInSeconds: number | undefined): CacheEntry<unknown> {
    const now = this.now();
    if (slot?.payload === undefined || !this.areValid(slot.tags, slot.stamp)) return { state: 'missing' };
    const { tags, payload, loadDurationMs } = slot;
    const areFresh = this.areFresh(tags, slot.stamp);
    if (slot.freshUntil > now && areFresh) {
      const remainingInSeconds = this.remaining(slot) ?? null;
      if (payload === ABSENT) return { state: 'absent', remainingInSeconds, tags };
      const ageInSeconds = now - slot.storedAt;
      return { state: 'fresh', value: this.read(slot), ageInSeconds, remainingInSeconds, loadDurationMs, tags };
    }
    const hasWindow = slot.staleUntil > slot.freshUntil && slot.staleUntil > now;
    const isServable = hasWindow && now - slot.freshUntil <= (staleInSeconds ?? Number.POSITIVE_INFINITY);
    if (payload === ABSENT || !isServable) return { state: 'missing' };
    return { state: 'stale', value: this.read(slot), tags };
  }

  call<T>(operation: CacheOperation, carryOut: () => [CacheOutcome, T]): T {
    try {
      if (this.#isClosed) throw new CacheClosedError('The cache was closed.', this.context(operation));
      const [outcome, answer] = carryOut();
      this.#hooks?.operation(operation, outcome, 0);
      return answer;
    } catch (error) {
      this.#hooks?.error(operation, error as CacheError, 0);
      this.#hooks?.operation(operation, 'error', 0);
      throw error;
    }
  }

  tell(kind: 'hit' | 'miss' | 'set' | 'remove', operation: CacheOperation, key: string): void {
    this.#hooks?.[kind](operation, key, 0);
  }

  tellRead(operation: CacheOperation, key: string, isHit: boolean): void {
    this.tell(isHit ? 'hit' : 'miss', operation, key);
  }
}
