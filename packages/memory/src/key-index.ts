/** Entries per slot, at least: a table half full, in which a search mostly ends where it begins. */
const ROOM = 2;
/** Twice that while it makes no more than 2^16 entries, 256 KiB: searches get shorter, and all of it still fits into a core's own cache. */
const ROOMY_BITS = 16;
/** An entry's last bits are its slot, the seven before them its tag. */
const SLOT_BITS = 25;
const SLOT_MASK: number = (1 << SLOT_BITS) - 1;
/** Of an entry that is not in use; no item has slot 0. */
const FREE = 0;
/** More keys than this with one and the same hash, or more than one key in so many that shares its hash, and the hash is not good enough. */
const MOST_OF_ONE_HASH = 8;
const CROWDED_SHARE = 64;

/**
 * The slot of each key: a hash table of its own, with open addressing and linear probing (Knuth, TAOCP vol. 3, §6.4, algorithms L and R).
 * An entry is one 32-bit integer, a slot and a tag; the first bits of the hash say where an entry belongs, its home, and the seven bits after
 * them are the tag, so of 128 keys passed over on the way one at most is compared.
 *
 * Why no `Map`: keys are mostly built for the call (`user:${id}`), and V8 then has to flatten, hash and compare them outside of compiled code, which
 * was measured to cost more than all of this table; a `Map` that changes is copied now and then in one go, which at a million items stops the process
 * for a tenth of a second, and doubles in size on the way; and the hash is needed for the ghost in any case.
 *
 * Invariant: from an entry's home to the entry, every entry is in use. Removal closes the gap instead of marking it, so a table in which
 * items come and go for ever never has to be cleaned up.
 */
export class KeyIndex {
  #table: Int32Array = new Int32Array(0);
  #mask = -1;
  #homeBits = 0;
  /** A bucket that leaks: how far collisions were, of late, more than one in `CROWDED_SHARE`. */
  #crowding = 0;

  /** The slot of the key, or -1. Of `items`, every other is a key: slot `n`'s is at `2n`. */
  find(key: string, hash: number, items: readonly unknown[]): number {
    const table = this.#table;
    const mask = this.#mask;
    const tag = this.#tagOf(hash);
    for (let at = this.#homeOf(hash); ; at = (at + 1) & mask) {
      const entry = table[at] as number;
      if (entry === FREE) return -1;
      const slot = entry ^ tag;
      if (slot >>> SLOT_BITS === 0 && items[2 * slot] === key) return slot;
    }
  }

  /** Adds a key that `find` does not find. False if too many have the same hash for it to be a good one. */
  add(hash: number, slot: number, hashes: Int32Array): boolean {
    const table = this.#table;
    const mask = this.#mask;
    const tag = this.#tagOf(hash);
    let at = this.#homeOf(hash);
    let same = 0;
    for (let entry = table[at] as number; entry !== FREE; entry = table[at] as number) {
      const other = entry ^ tag;
      if (other >>> SLOT_BITS === 0 && hashes[other] === hash) same++;
      at = (at + 1) & mask;
    }
    table[at] = tag | slot;
    if (same === 0) {
      if (this.#crowding > 0) this.#crowding--;
      return true;
    }
    this.#crowding += CROWDED_SHARE;
    return same < MOST_OF_ONE_HASH && this.#crowding < MOST_OF_ONE_HASH * CROWDED_SHARE;
  }

  /** Removes an entry and moves back each later one of the run that may stand in the gap. */
  remove(hash: number, slot: number, hashes: Int32Array): void {
    const table = this.#table;
    const mask = this.#mask;
    const own = this.#tagOf(hash) | slot;
    let gap = this.#homeOf(hash);
    while (table[gap] !== own) gap = (gap + 1) & mask;
    let at = (gap + 1) & mask;
    for (let entry = table[at] as number; entry !== FREE; entry = table[at] as number) {
      const distanceFromHome = (at - this.#homeOf(hashes[entry & SLOT_MASK] as number)) & mask;
      if (distanceFromHome >= ((at - gap) & mask)) {
        table[gap] = entry;
        gap = at;
      }
      at = (at + 1) & mask;
    }
    table[gap] = FREE;
  }

  /** Makes room for as many keys. True if it had to forget all entries: they are to be added again. */
  grow(keys: number): boolean {
    const leastBits = Math.ceil(Math.log2(ROOM * keys));
    const homeBits = leastBits < ROOMY_BITS ? leastBits + 1 : leastBits;
    if (homeBits <= this.#homeBits) return false;
    this.#table = new Int32Array(2 ** homeBits);
    this.#mask = 2 ** homeBits - 1;
    this.#homeBits = homeBits;
    return true;
  }

  clear(): void {
    this.#table.fill(FREE);
    this.#crowding = 0;
  }

  #homeOf(hash: number): number {
    return hash >>> (32 - this.#homeBits);
  }

  #tagOf(hash: number): number {
    return ((hash << this.#homeBits) >>> SLOT_BITS) << SLOT_BITS;
  }
}
