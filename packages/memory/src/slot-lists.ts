/**
 * Doubly linked lists of slots in two arrays, with no object per element. The first slots are no items but the heads of the lists: slot `n`
 * is the head of list `n`, whose next is the first element and whose previous the last.
 *
 * Invariant: each list is a ring through its head, and a slot is in one list at most.
 */
export class SlotLists {
  readonly #heads: number;
  #next: Int32Array;
  #previous: Int32Array;

  constructor(heads: number) {
    this.#heads = heads;
    this.#next = new Int32Array(heads);
    this.#previous = new Int32Array(heads);
    this.clear();
  }

  /** The first slot of a list, or the list itself when it is empty. */
  first(list: number): number {
    return this.#next[list] as number;
  }

  append(list: number, slot: number): void {
    const last = this.#previous[list] as number;
    this.#next[last] = slot;
    this.#previous[slot] = last;
    this.#next[slot] = list;
    this.#previous[list] = slot;
  }

  /** Takes a slot out of the list it is in. */
  unlink(slot: number): void {
    const before = this.#previous[slot] as number;
    const after = this.#next[slot] as number;
    this.#next[before] = after;
    this.#previous[after] = before;
  }

  /** Makes room for as many slots. */
  grow(slots: number): void {
    const next = new Int32Array(slots);
    const previous = new Int32Array(slots);
    next.set(this.#next);
    previous.set(this.#previous);
    this.#next = next;
    this.#previous = previous;
  }

  clear(): void {
    for (let head = 0; head < this.#heads; head++) {
      this.#next[head] = head;
      this.#previous[head] = head;
    }
  }
}
