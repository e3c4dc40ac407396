/** Entries per slot, at least: a table half full, in which a search mostly ends where it begins. */
const ROOM = 2;
/** Keys with one and the same 32-bit hash: among 16 million keys chance makes it two or three. */
const MOST_OF_ONE_HASH = 8;
/** Of an entry that is not in use; no item has it. */
const NO_SLOT = 0;

/**
 * The slot of each key: a hash table of its own, with open addressing and linear probing (Knuth, TAOCP vol. 3, §6.4, algorithms L and R).
 * An entry is two 32-bit integers, hash and slot, side by side in one array.
 *
 * Why no `Map`: keys are mostly built for the call (`user:${id}`), and V8 then has to flatten, hash and compare them outside of compiled code, which
 * was measured to cost more than all of this table; a `Map` that changes is copied now and then in one go, which at a million items stops the process
 * for a tenth of a second, and doubles in size on the way; and the hash is needed for the ghost in any case.
 *
 * Invariant: from an entry's home (its hash modulo the table's length) to the entry, every entry is in use. Removal closes the gap instead of
 * marking it, so a table in which items come and go for ever never has to be cleaned up.
 */
export class KeyIndex {
  /** Hash and slot of each entry in turn. */
  #table: Int32Array = new Int32Array(0);
  #mask = -1;

  /** The slot of the key, or -1. `keys` gives the key of each slot. */
  find(key: string, hash: number, keys: readonly (string | undefined)[]): number {
    const table = this.#table;
    const mask = this.#mask;
    for (let at = hash & mask; ; at = (at + 1) & mask) {
      const slot = table[2 * at + 1] as number;
      if (slot === NO_SLOT) return -1;
      if (table[2 * at] === hash && keys[slot] === key) return slot;
    }
  }

  /** Adds a key that `find` does not find. False if so many have the same hash that it cannot be a good one. */
  add(hash: number, slot: number): boolean {
    const table = this.#table;
    const mask = this.#mask;
    let at = hash & mask;
    let same = 0;
    while (table[2 * at + 1] !== NO_SLOT) {
      if (table[2 * at] === hash) same++;
      at = (at + 1) & mask;
    }
    table[2 * at] = hash;
    table[2 * at + 1] = slot;
    return same < MOST_OF_ONE_HASH;
  }

  /** Removes an entry and moves back each later one of the run that may stand in the gap. */
  remove(hash: number, slot: number): void {
    const table = this.#table;
    const mask = this.#mask;
    let gap = hash & mask;
    while (table[2 * gap + 1] !== slot) gap = (gap + 1) & mask;
    for (let at = (gap + 1) & mask; table[2 * at + 1] !== NO_SLOT; at = (at + 1) & mask) {
      const home = table[2 * at] as number;
      const distanceFromHome = (at - home) & mask;
      if (distanceFromHome < ((at - gap) & mask)) continue;
      table[2 * gap] = home;
      table[2 * gap + 1] = table[2 * at + 1] as number;
      gap = at;
    }
    table[2 * gap + 1] = NO_SLOT;
  }

  /** Makes room for as many keys. */
  grow(keys: number): void {
    const length = 2 ** Math.ceil(Math.log2(ROOM * keys));
    if (length <= this.#mask) return;
    const before = this.#table;
    this.#table = new Int32Array(2 * length);
    this.#mask = length - 1;
    for (let i = 0; i < before.length; i += 2) {
      const slot = before[i + 1] as number;
      if (slot !== NO_SLOT) this.add(before[i] as number, slot);
    }
  }

  clear(): void {
    this.#table.fill(0);
  }
}
