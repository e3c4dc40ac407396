/**
 * A uniform sample of at most `size` values, however many come: Algorithm R (Vitter, "Random Sampling with a Reservoir",
 * ACM Transactions on Mathematical Software 11(1), 1985).
 */
export class Reservoir {
  readonly #size: number;
  readonly #random: () => number;
  #values: number[] = [];
  #seen = 0;

  constructor(size: number, random: () => number) {
    this.#size = size;
    this.#random = random;
  }

  add(value: number): void {
    this.#seen += 1;
    if (this.#values.length < this.#size) {
      this.#values.push(value);
      return;
    }
    const place = Math.floor(this.#random() * this.#seen);
    if (place < this.#size) this.#values[place] = value;
  }

  /** The sample, which begins anew. */
  take(): readonly number[] {
    const values = this.#values;
    this.#values = [];
    this.#seen = 0;
    return values;
  }
}
