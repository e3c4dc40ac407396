import { GhostSketch, MAX_FREQUENCY } from './ghost-sketch.ts';
import { HillClimber } from './hill-climber.ts';
import { mixHash } from './key-hash.ts';
import { SlotLists } from './slot-lists.ts';

/** The list heads occupy the first slots, so that a region's number is also its list; region 0 is a free slot. */
const WINDOW = 1;
const PROBATION = 2;
const PROTECTED = 3;
/** The first slot that can hold an item. */
export const FIRST_SLOT = 4;

/** A slot's state: visited (1 bit), frequency (4), region (2), extended (1), weighed (1), judged (1). */
const VISITED = 1;
const FREQUENCY_SHIFT = 1;
const FREQUENCY_MASK = MAX_FREQUENCY << FREQUENCY_SHIFT;
const SATURATED = FREQUENCY_MASK | VISITED;
const REGION_SHIFT = 5;
const REGION_MASK = 3 << REGION_SHIFT;
/** Set by the cache on a slot that has a side record; the policy carries it along. */
const EXTENDED = 128;
/** What the ghost remembers of the key is in the frequency. */
const WEIGHED = 256;
/** Set by the cache too: the side record has a say in whether the item is fresh. */
const JUDGED = 512;

/** Frequencies are halved once per this many requests, as a multiple of capacity (Caffeine's sample). */
const AGEING_MULTIPLE = 10;
/**
 * Between counts from here on one request more or less says little. Measured on nine traces: all values from 2 to 6 give the same mean within 0.1
 * points, and those below 4 lose hits in a cache that has just filled, where one more is all the evidence there is.
 */
const SETTLED_FREQUENCY = 5;
/** A candidate this frequent wins one duel of 128 that it would lose: an attacker cannot pin victims for ever (Caffeine's values). */
const WARM_FREQUENCY = 6;
const COIN_MASK = 127;

/**
 * Which item goes when there is no room: W-TinyLFU (Einziger, Friedman, Manes, "TinyLFU", ACM ToS 2017, §4) with the window chosen by a
 * hill climber, made lazy as in SIEVE and S3-FIFO: a hit writes the state of the item's slot, and lists are put in order only when
 * something must go.
 *
 *   new items → window (FIFO with second chance) → probation ⇄ protected
 *
 * The oldest unvisited item of the window is the candidate; the oldest unvisited item of probation is the victim; the less frequent of
 * the two goes, the candidate on a tie. An item counts its own requests; on eviction the count goes to the ghost sketch, and comes back
 * with the key.
 *
 * Against a victim asked for often, the request that brought the candidate in is not counted unless another one followed: the victim's own next
 * request may be just as near. In a loop larger than the cache all keys are asked for equally often, but the candidate has had its turn of this
 * round and the victim has not; with that turn counted, each item goes just before its own comes, and without it the part of the loop held stays.
 *
 * Invariants: a slot with region 0 is in no list; any other is in the list of its region, once; the list lengths add up to the items held.
 */
export class EvictionPolicy {
  #capacity = 0;
  #state: Uint16Array = new Uint16Array(FIRST_SLOT);
  readonly #lists: SlotLists = new SlotLists(FIRST_SLOT);
  #hashes: Int32Array = new Int32Array(FIRST_SLOT);
  /** Made when the first item must go. */
  #ghost: GhostSketch | undefined;
  #climber: HillClimber;
  #windowLength = 0;
  #probationLength = 0;
  #protectedLength = 0;
  #hits = 0;
  #misses = 0;
  #requestsUntilAgeing = 0;
  #random: number = (Math.random() * 2 ** 31) | 1;

  constructor(capacity: number) {
    this.#climber = new HillClimber(capacity);
    this.setCapacity(capacity);
  }

  /** How many items the cache is expected to hold when full. */
  setCapacity(items: number): void {
    if (items === this.#capacity) return;
    this.#capacity = items;
    this.#climber = new HillClimber(items);
    this.#ghost = undefined;
    this.#requestsUntilAgeing = AGEING_MULTIPLE * items;
  }

  get capacity(): number {
    return this.#capacity;
  }

  grow(slots: number): void {
    this.#state = grown(new Uint16Array(slots), this.#state);
    this.#lists.grow(slots);
    this.#hashes = grown(new Int32Array(slots), this.#hashes);
  }

  clear(): void {
    this.#state.fill(0);
    this.#lists.clear();
    this.#windowLength = 0;
    this.#probationLength = 0;
    this.#protectedLength = 0;
    this.#climber = new HillClimber(this.#capacity);
    this.#ghost = undefined;
    this.#hits = 0;
    this.#misses = 0;
    this.#requestsUntilAgeing = AGEING_MULTIPLE * this.#capacity;
  }

  isExtended(slot: number): boolean {
    return ((this.#state[slot] as number) & EXTENDED) !== 0;
  }

  isJudged(slot: number): boolean {
    return ((this.#state[slot] as number) & JUDGED) !== 0;
  }

  /** The slot has a side record. */
  setExtended(slot: number): void {
    this.#state[slot] = (this.#state[slot] as number) | EXTENDED;
  }

  /** And the record has a say in whether the item is fresh. */
  setJudged(slot: number): void {
    this.#state[slot] = (this.#state[slot] as number) | JUDGED;
  }

  /** Neither. */
  clearExtended(slot: number): void {
    this.#state[slot] = (this.#state[slot] as number) & ~(EXTENDED | JUDGED);
  }

  /** A read that found its item. */
  recordHit(slot: number): void {
    this.#hits++;
    this.recordUse(slot);
  }

  recordMiss(): void {
    this.#misses++;
  }

  /** A use that is no read: it counts for the item, and not for the hit ratio. */
  recordUse(slot: number): void {
    const state = this.#state[slot] as number;
    if ((state & SATURATED) === SATURATED) return;
    this.#state[slot] =
      (state & FREQUENCY_MASK) === FREQUENCY_MASK ? state | VISITED : (state + (1 << FREQUENCY_SHIFT)) | VISITED;
  }

  /** The hash of each slot's key. */
  get hashes(): Int32Array {
    return this.#hashes;
  }

  /** The key is known by another hash from now on, and a stranger to the ghost. */
  rehash(slot: number, hash: number): void {
    this.#hashes[slot] = hash;
  }

  /** A new item, last in the window. Its past is looked up only when it must compete. */
  admit(slot: number, hash: number): void {
    this.#state[slot] = (WINDOW << REGION_SHIFT) | (1 << FREQUENCY_SHIFT);
    this.#hashes[slot] = hash;
    this.#lists.append(WINDOW, slot);
    this.#windowLength++;
  }

  /** Forgets an item that was removed or has expired. */
  remove(slot: number): void {
    this.#leave(slot);
    this.#state[slot] = 0;
  }

  /** Chooses the item that goes and forgets it; -1 when there is none. */
  evict(): number {
    if (this.#ghost === undefined) this.#ghost = new GhostSketch(this.#capacity);
    if (this.#hits + this.#misses >= this.#climber.sampleSize) this.#adapt();
    const candidate = this.#overflowOfWindow();
    const victim = this.#findVictim();
    let loser = candidate;
    let isRemembered = false;
    if (candidate === -1) {
      loser = victim === -1 ? this.#lists.first(WINDOW) : victim;
      if (loser === WINDOW) return -1;
      this.#leave(loser);
      this.#weigh(loser);
    } else {
      isRemembered = this.#weigh(candidate);
      if (victim !== -1) {
        this.#weigh(victim);
        if (this.#wins(candidate, victim, isRemembered)) {
          loser = victim;
          isRemembered = false;
          this.#leave(victim);
          this.#enter(PROBATION, candidate);
        }
      }
    }
    if (!isRemembered) this.#remember(loser);
    this.#state[loser] = 0;
    return loser;
  }

  /**
   * Takes the window's overflow out of it: visited items go round again, the oldest unvisited one is the candidate, in no list.
   * Only a window that has just been made smaller overflows by more than one: those before the candidate go to probation.
   */
  #overflowOfWindow(): number {
    const state = this.#state;
    const lists = this.#lists;
    const limit = this.#climber.windowSize;
    let secondChances = limit + 1;
    while (this.#windowLength >= limit) {
      const slot = lists.first(WINDOW);
      const bits = state[slot] as number;
      lists.unlink(slot);
      if ((bits & VISITED) !== 0 && secondChances-- > 0) {
        state[slot] = bits & ~VISITED;
        lists.append(WINDOW, slot);
        continue;
      }
      this.#windowLength--;
      if (this.#windowLength < limit) return slot;
      this.#enter(PROBATION, slot);
    }
    return -1;
  }

  /** The oldest unvisited item of probation; visited ones are promoted on the way. -1 when main is empty. */
  #findVictim(): number {
    const state = this.#state;
    const lists = this.#lists;
    for (;;) {
      if (this.#probationLength === 0) {
        if (this.#protectedLength === 0) return -1;
        const slot = lists.first(PROTECTED);
        lists.unlink(slot);
        this.#protectedLength--;
        this.#enter(PROBATION, slot);
      }
      const slot = lists.first(PROBATION);
      const bits = state[slot] as number;
      if ((bits & VISITED) === 0) return slot;
      lists.unlink(slot);
      this.#probationLength--;
      this.#enter(PROTECTED, slot);
      if (this.#protectedLength > this.#climber.protectedSize) this.#demote(this.#climber.protectedSize);
    }
  }

  /** Returns protected's overflow to probation, visited ones round again first. */
  #demote(limit: number): void {
    const state = this.#state;
    let secondChances = limit;
    while (this.#protectedLength > limit) {
      const slot = this.#lists.first(PROTECTED);
      const bits = state[slot] as number;
      this.#lists.unlink(slot);
      if ((bits & VISITED) !== 0 && secondChances-- > 0) {
        state[slot] = bits & ~VISITED;
        this.#lists.append(PROTECTED, slot);
        continue;
      }
      this.#protectedLength--;
      this.#enter(PROBATION, slot);
    }
  }

  /** `isAskedOnce`: the candidate, since it came. */
  #wins(candidate: number, victim: number, isAskedOnce: boolean): boolean {
    const mine = (this.#state[candidate] as number) & FREQUENCY_MASK;
    const theirs = (this.#state[victim] as number) & FREQUENCY_MASK;
    const margin = isAskedOnce && theirs >= SETTLED_FREQUENCY << FREQUENCY_SHIFT ? 1 << FREQUENCY_SHIFT : 0;
    return mine > theirs + margin || (mine >= WARM_FREQUENCY << FREQUENCY_SHIFT && this.#coin());
  }

  /** One in 128: xorshift32 (Marsaglia 2003). */
  #coin(): boolean {
    let random = this.#random;
    random ^= random << 13;
    random ^= random >>> 17;
    random ^= random << 5;
    this.#random = random;
    return (random & COIN_MASK) === 0;
  }

  /**
   * Adds to the item's count what the ghost remembers of its key, once, when it first competes. True if the ghost knows the sum already,
   * because the item was asked for once.
   */
  #weigh(slot: number): boolean {
    const state = this.#state[slot] as number;
    if ((state & WEIGHED) !== 0) return false;
    const hash = mixHash(this.#hashes[slot] as number);
    const counted = (state & FREQUENCY_MASK) >> FREQUENCY_SHIFT;
    const frequency = Math.min(MAX_FREQUENCY, counted + (this.#ghost as GhostSketch).recall(hash));
    this.#state[slot] = (state & ~FREQUENCY_MASK) | (frequency << FREQUENCY_SHIFT) | WEIGHED;
    return counted === 1;
  }

  /** Hands an evicted item's count to the ghost. */
  #remember(slot: number): void {
    const hash = mixHash(this.#hashes[slot] as number);
    const frequency = ((this.#state[slot] as number) & FREQUENCY_MASK) >> FREQUENCY_SHIFT;
    (this.#ghost as GhostSketch).raise(hash, frequency);
  }

  /** Ends a sample of requests. */
  #adapt(): void {
    const requests = this.#hits + this.#misses;
    this.#climber.climb(this.#hits / requests);
    this.#hits = 0;
    this.#misses = 0;
    this.#requestsUntilAgeing -= requests;
    if (this.#requestsUntilAgeing > 0) return;
    this.#requestsUntilAgeing = AGEING_MULTIPLE * this.#capacity;
    this.#ghost?.halve();
    const state = this.#state;
    const halved = (MAX_FREQUENCY >> 1) << FREQUENCY_SHIFT;
    for (let slot = FIRST_SLOT; slot < state.length; slot++) {
      const bits = state[slot] as number;
      state[slot] = (bits & ~FREQUENCY_MASK) | ((bits >> 1) & halved);
    }
  }

  #enter(region: number, slot: number): void {
    this.#state[slot] = ((this.#state[slot] as number) & ~(REGION_MASK | VISITED)) | (region << REGION_SHIFT);
    this.#lists.append(region, slot);
    if (region === PROBATION) this.#probationLength++;
    else this.#protectedLength++;
  }

  #leave(slot: number): void {
    const region = ((this.#state[slot] as number) & REGION_MASK) >> REGION_SHIFT;
    if (region === WINDOW) this.#windowLength--;
    else if (region === PROBATION) this.#probationLength--;
    else this.#protectedLength--;
    this.#lists.unlink(slot);
  }
}

function grown<T extends Uint16Array | Int32Array>(larger: T, smaller: T): T {
  larger.set(smaller);
  return larger;
}
