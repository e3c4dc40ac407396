import { EvictionPolicy, FIRST_SLOT } from './eviction-policy.ts';
import { ExpirationIndex } from './expiration-index.ts';
import { hashKey, hashSample } from './key-hash.ts';
import { KeyIndex } from './key-index.ts';

const FIRST_CAPACITY = 64;

/**
 * Where items live: a hash table from key to slot number, and arrays with one element per slot. An item has no object of its own, so the
 * collector has nothing to trace per item but the key and the value.
 *
 * Invariants: `keys[slot]` is the key that the index maps to `slot`, and `policy.hashOf(slot)` its hash; free slots hold no key and no value,
 * so nothing leaks; a live item never changes its slot.
 */
export class SlotStore<V> {
  readonly policy: EvictionPolicy;
  readonly expiration: ExpirationIndex = new ExpirationIndex();
  keys: (string | undefined)[] = [];
  values: (V | undefined)[] = [];
  readonly #index: KeyIndex = new KeyIndex();
  /** Drawn for each cache, so that nobody can prepare keys that collide. */
  readonly #seed: number = (Math.random() * 2 ** 32) | 0;
  /** Until samples prove too much alike. */
  #hashesSamples = true;
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
    return this.#hashesSamples ? hashSample(key, this.#seed) : hashKey(key, this.#seed);
  }

  /** The slot of the key with this hash, or -1. */
  find(key: string, hash: number): number {
    return this.#index.find(key, hash, this.keys);
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
    this.#index.remove(this.policy.hashOf(slot), slot);
    this.#occupy(slot, key, hash);
  }

  /** Frees a slot whose item the policy still counts. */
  remove(slot: number): void {
    this.policy.remove(slot);
    this.release(slot);
  }

  /** Frees a slot that the policy has already forgotten. */
  release(slot: number): void {
    this.#index.remove(this.policy.hashOf(slot), slot);
    this.keys[slot] = undefined;
    this.values[slot] = undefined;
    this.expiration.unschedule(slot);
    this.#free.push(slot);
    this.#count--;
  }

  clear(): void {
    this.#index.clear();
    this.policy.clear();
    this.expiration.clear();
    this.keys.fill(undefined);
    this.values.fill(undefined);
    this.#used = FIRST_SLOT;
    this.#free = [];
    this.#count = 0;
  }

  #occupy(slot: number, key: string, hash: number): void {
    this.keys[slot] = key;
    this.policy.admit(slot, hash);
    if (!this.#index.add(hash, slot) && this.#hashesSamples) this.#hashWholeKeys();
  }

  /** Once in a cache's life at most, and as soon as nine keys look the same to `hashSample`. */
  #hashWholeKeys(): void {
    this.#hashesSamples = false;
    this.#index.clear();
    for (let slot = FIRST_SLOT; slot < this.#used; slot++) {
      const key = this.keys[slot];
      if (key === undefined) continue;
      const hash = this.hash(key);
      this.policy.rehash(slot, hash);
      this.#index.add(hash, slot);
    }
  }

  #grow(items: number): void {
    const capacity = items + FIRST_SLOT;
    this.keys = grown(this.keys, capacity);
    this.values = grown(this.values, capacity);
    this.#index.grow(items);
    this.policy.grow(capacity);
    this.expiration.grow(capacity);
    this.#capacity = capacity;
  }
}

/** Exactly `length` elements: an array that grows by `push` reserves half as much again. */
function grown<T>(smaller: readonly (T | undefined)[], length: number): (T | undefined)[] {
  const larger = new Array<T | undefined>(length).fill(undefined);
  for (let i = 0; i < smaller.length; i++) larger[i] = smaller[i];
  return larger;
}
