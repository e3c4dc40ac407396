import { CacheClosedError, type CacheOperation, type EvictionReason, validateKey } from '@cache/core';
import { BurstClock, LONGEST_GAP_MS, type MonotonicClock } from './burst-clock.ts';
import { ByteBudget } from './byte-budget.ts';
import { FIRST_SLOT } from './eviction-policy.ts';
import { type ItemDetails, isFreshUntilDeadline } from './item-details.ts';
import { ProvisionalDeadlines } from './provisional-deadlines.ts';
import { SlotStore } from './slot-store.ts';
import { TagLog } from './tag-log.ts';

/** Which call an error is from. */
export interface CallContext {
  readonly operation: CacheOperation;
  readonly backend: 'memory';
}

const GET: CallContext = { operation: 'get', backend: 'memory' };
const SET: CallContext = { operation: 'set', backend: 'memory' };

/** An item that went although nobody removed it. */
export interface Displacement {
  readonly key: string;
  /** Why it had to make room, or `undefined` for an item that had expired. */
  readonly reason: EvictionReason | undefined;
}

/** What an engine is made with. */
export interface MemoryEngineOptions {
  readonly maxSize: number;
  readonly maxBytes: number | undefined;
  readonly clock: MonotonicClock | undefined;
  /** Told what went, after the call that displaced it has done its work. */
  readonly onDisplaced: ((displaced: readonly Displacement[]) => void) | undefined;
}

/** How an item stands to a reader: `gone` may be dropped. */
export type Freshness = 'fresh' | 'stale' | 'absent' | 'gone';

/**
 * Items, their bounds and their time: what is behind every call of the cache, on keys and values that have been checked.
 *
 * Invariants, after each call: at most `maxSize` items; at most `maxBytes`; no live item was displaced while an expired one was held.
 * Details, tags and sizes cost an item without them one comparison.
 */
export class MemoryEngine<V> {
  readonly clock: BurstClock;
  readonly tagLog: TagLog;
  readonly #store: SlotStore<V>;
  readonly #details: Map<number, ItemDetails> = new Map();
  readonly #budget: ByteBudget | undefined;
  readonly #provisional: ProvisionalDeadlines = new ProvisionalDeadlines();
  readonly #onDisplaced: ((displaced: readonly Displacement[]) => void) | undefined;
  /** What `read` has just missed is what is stored next, as a rule: a key that passed the check and is not held, and its hash. */
  #missedKey: string | undefined;
  #missedHash = 0;
  #displaced: Displacement[] = [];
  #isClosed = false;

  constructor({ maxSize, maxBytes, clock, onDisplaced }: MemoryEngineOptions) {
    this.#store = new SlotStore(maxSize);
    this.#budget = maxBytes === undefined ? undefined : new ByteBudget(maxBytes);
    this.tagLog = new TagLog(maxSize);
    this.clock = new BurstClock(clock, (elapsedMs) => this.#provisional.settle(elapsedMs, this.#store.expiration));
    this.#onDisplaced = onDisplaced;
  }

  get count(): number {
    return this.#store.count;
  }

  get bytes(): number | undefined {
    return this.#budget?.total;
  }

  /** The fresh value of the key; counts as a use. */
  read(key: string): V | undefined {
    const store = this.#store;
    const hash = store.hash(key);
    const slot = store.find(key, hash);
    if (slot === -1) {
      this.#checkKey(key, GET);
      this.#missedKey = key;
      this.#missedHash = hash;
      store.policy.recordMiss();
      return undefined;
    }
    if (this.#isDue(slot) || (store.policy.isJudged(slot) && !this.#isFresh(slot))) {
      store.policy.recordMiss();
      this.#dropIfGone(slot);
      return undefined;
    }
    store.policy.recordHit(slot);
    return store.valueOf(slot);
  }

  /** The slot of a fresh item, or -1; counts as nothing. */
  find(key: string, nowMs: number): number {
    const slot = this.locate(key);
    return slot !== -1 && this.freshness(slot, nowMs) === 'fresh' ? slot : -1;
  }

  /** The slot of whatever is kept under the key, or -1. */
  locate(key: string): number {
    return this.#store.find(key, this.#store.hash(key));
  }

  valueOf(slot: number): V {
    return this.#store.valueOf(slot) as V;
  }

  detailsOf(slot: number): ItemDetails | undefined {
    return this.#store.policy.isExtended(slot) ? this.#details.get(slot) : undefined;
  }

  /** When the item stops being fresh, in the clock's milliseconds. */
  freshUntilMs(slot: number): number {
    const details = this.detailsOf(slot);
    if (details === undefined) return this.#store.expiration.deadlineOf(slot);
    return Math.min(details.freshUntilMs, this.tagLog.expiredAtMs(details.tags, details.tagSequence));
  }

  freshness(slot: number, nowMs: number): Freshness {
    const details = this.detailsOf(slot);
    if (details === undefined) return this.#store.expiration.isDue(slot, nowMs) ? 'gone' : 'fresh';
    if (this.tagLog.isInvalidated(details.tags, details.tagSequence)) return 'gone';
    const freshUntilMs = this.freshUntilMs(slot);
    if (nowMs < freshUntilMs) return details.isAbsent ? 'absent' : 'fresh';
    return nowMs < freshUntilMs + details.staleForMs ? 'stale' : 'gone';
  }

  /** Counts a read that `read` did not make. */
  recordRead(slot: number): void {
    if (slot === -1) this.#store.policy.recordMiss();
    else this.#store.policy.recordHit(slot);
  }

  /** Stores a value for `lifetimeMs` from now. `bytes` matters only under a byte bound. */
  write(key: string, value: V, lifetimeMs: number, bytes: number): void {
    const nowMs = this.clock.recent();
    const slot = this.#place(key, value, bytes);
    if (slot === -1) return;
    if (this.clock.isReusing) {
      this.#store.expiration.schedule(slot, nowMs + lifetimeMs + LONGEST_GAP_MS);
      this.#provisional.add(slot);
    } else this.#store.expiration.schedule(slot, nowMs + lifetimeMs);
    if (this.#onDisplaced !== undefined) this.#report();
  }

  /** Stores a value with details until a deadline; the clock has just been read exactly. */
  writeDetailed(key: string, value: V, deadline: number, bytes: number, details: ItemDetails): void {
    const slot = this.#place(key, value, bytes);
    if (slot === -1) return;
    this.reschedule(slot, deadline, details);
    this.#report();
  }

  /** Changes the value of a live item and its size, and neither its deadline nor its details. */
  replaceValue(key: string, slot: number, value: V, bytes: number): void {
    const budget = this.#budget;
    if (budget !== undefined && bytes > budget.limit) {
      this.#refuse(key, slot);
      return;
    }
    this.#store.setValue(slot, value);
    this.#store.policy.recordUse(slot);
    if (budget === undefined) return;
    budget.set(slot, bytes);
    this.#evictUntilFree(budget, 0);
    this.#report();
  }

  /** Changes how long a live item is kept, and its details. */
  reschedule(slot: number, deadline: number, details: ItemDetails): void {
    this.#store.expiration.schedule(slot, deadline);
    const { policy } = this.#store;
    policy.setExtended(slot);
    if (!isFreshUntilDeadline(details)) policy.setJudged(slot);
    this.#details.set(slot, details);
  }

  /** Keeps a live item as it is until another deadline, and its stale window after it; the clock has just been read exactly. */
  extend(slot: number, deadline: number): void {
    const details = this.detailsOf(slot);
    if (details === undefined) this.#store.expiration.schedule(slot, deadline);
    else this.reschedule(slot, deadline + details.staleForMs, { ...details, freshUntilMs: deadline });
  }

  drop(slot: number): void {
    if (this.#store.policy.isExtended(slot)) this.#forgetDetails(slot);
    this.#budget?.set(slot, 0);
    this.#store.remove(slot);
  }

  /** Drops expired items, a block of slots at a time, until there are none or `limit` is reached. */
  dropExpired(nowMs: number, limit: number): number {
    let dropped = 0;
    const due: number[] = [];
    while (dropped < limit && this.#store.expiration.take(nowMs, due)) {
      for (const slot of due) this.#expire(slot);
      dropped += due.length;
      due.length = 0;
    }
    this.#report();
    return dropped;
  }

  clear(): void {
    this.#store.clear();
    this.#details.clear();
    this.#budget?.clear();
    this.tagLog.clear();
    this.#missedKey = undefined;
  }

  /** The keys of fresh items, in no order. A live item never changes its slot, so each appears once. */
  *keys(prefix: string): Generator<string> {
    for (let slot = FIRST_SLOT; slot < this.#store.end; slot++) {
      const key = this.#store.keyOf(slot);
      if (key?.startsWith(prefix) && this.freshness(slot, this.clock.recent()) === 'fresh') yield key;
    }
  }

  /** Drops whatever is kept under keys that start with the prefix. */
  dropPrefix(prefix: string): void {
    for (let slot = FIRST_SLOT; slot < this.#store.end; slot++) {
      if (this.#store.keyOf(slot)?.startsWith(prefix)) this.drop(slot);
    }
  }

  /** Refuses every further call that would find or store something. */
  close(): void {
    this.clear();
    this.#isClosed = true;
  }

  ensureOpen(operation: CacheOperation): void {
    if (this.#isClosed) throw new CacheClosedError('The cache is closed.', { operation, backend: 'memory' });
  }

  /** Throws if a key that is not held may not be used. */
  #checkKey(key: string, context: CallContext): void {
    if (this.#isClosed) this.ensureOpen(context.operation);
    validateKey(key, context);
  }

  #isDue(slot: number): boolean {
    const { clock } = this;
    const { expiration } = this.#store;
    return !clock.reuse(expiration.calmReading) && expiration.isDueAtReading(slot, clock.recent(), clock.readingNumber);
  }

  #isFresh(slot: number): boolean {
    return this.freshness(slot, this.clock.recent()) === 'fresh';
  }

  #dropIfGone(slot: number): void {
    const nowMs = this.clock.recent();
    if (this.#store.expiration.isDue(slot, nowMs)) this.#expire(slot);
    else if (this.freshness(slot, nowMs) === 'gone') this.drop(slot);
    this.#report();
  }

  /** The value is in its slot and has been counted; -1 if it is larger than all the room there is. */
  #place(key: string, value: V, bytes: number): number {
    const store = this.#store;
    let slot = -1;
    let hash = this.#missedHash;
    // Comparing two strings that differ costs as much as a look-up: compare only right after a miss.
    if (this.#missedKey === undefined || this.#missedKey !== key) {
      hash = store.hash(key);
      slot = store.find(key, hash);
      if (slot === -1) this.#checkKey(key, SET);
    }
    this.#missedKey = undefined;
    if (this.#budget !== undefined) {
      if (bytes > this.#budget.limit) return this.#refuse(key, slot);
      slot = this.#makeRoom(this.#budget, slot, bytes);
    }
    if (slot === -1) slot = this.#claim(key, hash);
    else {
      store.policy.recordUse(slot);
      if (store.policy.isExtended(slot)) this.#forgetDetails(slot);
    }
    store.setValue(slot, value);
    if (this.#budget !== undefined) this.#budget.set(slot, bytes);
    return slot;
  }

  /** A slot for a new key: a free one, an expired item's, or that of whoever the policy lets go. */
  #claim(key: string, hash: number): number {
    const store = this.#store;
    if (!store.isFull || this.#dropSomeExpired()) return store.claim(key, hash);
    const victim = this.#chooseVictim('size');
    store.reclaim(victim, key, hash);
    return victim;
  }

  /** An item larger than all the room there is: it is not stored, and what its key held goes. */
  #refuse(key: string, slot: number): -1 {
    if (slot !== -1) this.drop(slot);
    if (this.#onDisplaced !== undefined) this.#displaced.push({ key, reason: 'bytes' });
    this.#report();
    return -1;
  }

  /** Makes room for `bytes`: in the slot of the key if that is enough, or else as long as it takes. The slot that is left, or -1. */
  #makeRoom(budget: ByteBudget, slot: number, bytes: number): number {
    if (slot !== -1) {
      if (budget.total - budget.sizeOf(slot) + bytes <= budget.limit) return slot;
      this.drop(slot);
    }
    this.#evictUntilFree(budget, bytes);
    return -1;
  }

  #evictUntilFree(budget: ByteBudget, bytes: number): void {
    while (budget.total + bytes > budget.limit) {
      if (this.#dropSomeExpired()) continue;
      this.#adaptCapacity();
      this.#store.release(this.#chooseVictim('bytes'));
    }
  }

  /** Under a byte bound, the number of items that fit is what the policy has to know as its capacity. */
  #adaptCapacity(): void {
    const { policy, count } = this.#store;
    if (2 * count < policy.capacity || count > 2 * policy.capacity) policy.setCapacity(count);
  }

  #chooseVictim(reason: EvictionReason): number {
    const store = this.#store;
    const victim = store.policy.evict();
    if (this.#details.size > 0) this.#details.delete(victim);
    this.#budget?.set(victim, 0);
    if (this.#onDisplaced !== undefined) this.#displaced.push({ key: store.keyOf(victim) as string, reason });
    return victim;
  }

  #dropSomeExpired(): boolean {
    const nowMs = this.clock.latest;
    if (this.#store.expiration.earliest > nowMs) return false;
    const due: number[] = [];
    this.#store.expiration.take(nowMs, due);
    for (const slot of due) this.#expire(slot);
    return due.length > 0;
  }

  #expire(slot: number): void {
    if (this.#onDisplaced !== undefined) {
      this.#displaced.push({ key: this.#store.keyOf(slot) as string, reason: undefined });
    }
    this.drop(slot);
  }

  #forgetDetails(slot: number): void {
    this.#details.delete(slot);
    this.#store.policy.clearExtended(slot);
  }

  /** Tells the listener what went. Only now: it may call the cache again. */
  #report(): void {
    if (this.#displaced.length === 0) return;
    const displaced = this.#displaced;
    this.#displaced = [];
    this.#onDisplaced?.(displaced);
  }
}
