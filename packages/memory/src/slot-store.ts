import { EvictionPolicy, FIRST_SLOT } from './eviction-policy.ts';
import { ExpirationIndex } from './expiration-index.ts';
import { hashTail, longerTail, SHORTEST_TAIL } from './key-hash.ts';
import { KeyIndex } from './key-index.ts';

const FIRST_CAPACITY = 64;

/**
 * Where items live: a hash table from key to slot number, and arrays by slot. An item has no object of its own, so the collector has nothing
 * to trace per item but the key and the value, which stand side by side: who compares the one has fetched the other.
 *
 * Invariants: `keyOf(slot)` is the key that the index maps to `slot`, and `policy.hashes[slot]` its hash; free slots hold no key and no value,
 * so nothing leaks; a live item never changes its slot.
 */
export class SlotStore<V> {
  readonly policy: EvictionPolicy;
  readonly expiration: ExpirationIndex = new ExpirationIndex();
  /** Key and value of each slot in turn. */
  #items: unknown[] = [];
  readonly #index: KeyIndex = new KeyIndex();
  /** Drawn for each cache, so that nobody can prepare keys that collide. */
  readonly #seed: number = (Math.random() * 2 ** 32) | 0;
  /** How many characters of a key are hashed: few, until they prove too much alike. */
  #tail: number = SHORTEST_TAIL;
  readonly #maxSize: number;
  #capacity = 0;
  #used: number = FIRST_SLOT;
  #free: number[] = [];
  #count = 0;

  constructor(maxSize: number) {
    this.#maxSize = maxSize;
    this.policy = new EvictionPolicy(maxSize);
    this.#grow(Math.min(maxSize, FIRST_CAPACITY));
  }

  get count(): number {
    return this.#count;
  }

  /** One more than the highest slot ever used. */
  get end(): number {
    return this.#used;
  }

  get isFull(): boolean {
    return this.#count >= this.#maxSize;
  }

  hash(key: string): number {
    return hashTail(key, this.#tail, this.#seed);
  }

  /** The slot of the key with this hash, or -1. */
  find(key: string, hash: number): number {
    return this.#index.find(key, hash, this.#items);
  }

  keyOf(slot: number): string | undefined {
    return this.#items[2 * slot] as string | undefined;
  }

  valueOf(slot: number): V | undefined {
    return this.#items[2 * slot + 1] as V | undefined;
  }

  setValue(slot: number, value: V): void {
    this.#items[2 * slot + 1] = value;
  }

  /** A free slot for a new key; there must be one. Value and deadline are the caller's to set. */
  claim(key: string, hash: number): number {
    let slot = this.#free.pop();
    if (slot === undefined) {
      if (this.#used === this.#capacity) this.#grow(Math.min(this.#maxSize, 2 * (this.#capacity - FIRST_SLOT)));
      slot = this.#used++;
    }
    this.#count++;
    this.#occupy(slot, key, hash);
    return slot;
  }

  /** Gives a new key the slot of an item that the policy has just evicted. */
  reclaim(slot: number, key: string, hash: number): void {
    this.#unindex(slot);
    this.#occupy(slot, key, hash);
  }

  /** Frees a slot whose item the policy still counts. */
  remove(slot: number): void {
    this.policy.remove(slot);
    this.release(slot);
  }

  /** Frees a slot that the policy has already forgotten. */
  release(slot: number): void {
    this.#unindex(slot);
    this.#items[2 * slot] = undefined;
    this.#items[2 * slot + 1] = undefined;
    this.expiration.unschedule(slot);
    this.#free.push(slot);
    this.#count--;
  }

  clear(): void {
    this.#index.clear();
    this.policy.clear();
    this.expiration.clear();
    this.#items.fill(undefined);
    this.#used = FIRST_SLOT;
    this.#free = [];
    this.#count = 0;
  }

  #occupy(slot: number, key: string, hash: number): void {
    this.#items[2 * slot] = key;
    this.policy.admit(slot, hash);
    if (this.#index.add(hash, slot, this.policy.hashes)) return;
    const tail = longerTail(this.#tail);
    if (tail !== undefined) this.#hashTails(tail);
  }

  /** Four times in a cache's life at most, and as a rule while it is small. */
  #hashTails(tail: number): void {
    this.#tail = tail;
    for (let slot = FIRST_SLOT; slot < this.#used; slot++) {
      const key = this.keyOf(slot);
      if (key !== undefined) this.policy.rehash(slot, this.hash(key));
    }
    this.#index.clear();
    this.#indexAll();
  }

  #indexAll(): void {
    const { hashes } = this.policy;
    for (let slot = FIRST_SLOT; slot < this.#used; slot++) {
      if (this.keyOf(slot) !== undefined) this.#index.add(hashes[slot] as number, slot, hashes);
    }
  }

  #unindex(slot: number): void {
    const { hashes } = this.policy;
    this.#index.remove(hashes[slot] as number, slot, hashes);
  }

  #grow(items: number): void {
    const capacity = items + FIRST_SLOT;
    this.#items = grown(this.#items, 2 * capacity);
    this.policy.grow(capacity);
    if (this.#index.grow(items)) this.#indexAll();
    this.expiration.grow(capacity);
    this.#capacity = capacity;
  }
}

/** Exactly `length` elements: an array that grows by `push` reserves half as much again. */
function grown(smaller: readonly unknown[], length: number): unknown[] {
  const larger = new Array<unknown>(length).fill(undefined);
  for (let i = 0; i < smaller.length; i++) larger[i] = smaller[i];
  return larger;
}
