/** The sizes of the items held, as the application measures them, and their sum. */
export class ByteBudget {
  readonly limit: number;
  #sizes: Float64Array = new Float64Array(64);
  #total = 0;

  constructor(limit: number) {
    this.limit = limit;
  }

  get total(): number {
    return this.#total;
  }

  sizeOf(slot: number): number {
    return slot < this.#sizes.length ? (this.#sizes[slot] as number) : 0;
  }

  /** The slot's item now has this size; 0 when it is gone. */
  set(slot: number, bytes: number): void {
    if (slot >= this.#sizes.length) {
      const larger = new Float64Array(Math.max(2 * this.#sizes.length, slot + 1));
      larger.set(this.#sizes);
      this.#sizes = larger;
    }
    this.#total += bytes - (this.#sizes[slot] as number);
    this.#sizes[slot] = bytes;
  }

  clear(): void {
    this.#sizes.fill(0);
    this.#total = 0;
  }
}
