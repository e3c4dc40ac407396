/**
 * A uniform sample of at most `size` values, however many come: Algorithm L (Li, "Reservoir-sampling algorithms of time
 * complexity O(n(1+log(N/n)))", ACM Transactions on Mathematical Software 20(4), 1994). It draws how many values to pass over,
 * so most cost one subtraction and no random number.
 */
export class Reservoir {
  readonly #size: number;
  readonly #random: () => number;
  #values: number[] = [];
  #passOver = 0;
  /** Had each value seen drawn a number from [0, 1), and those with the smallest stayed: the largest number among them. */
  #threshold = 1;

  constructor(size: number, random: () => number) {
    this.#size = size;
    this.#random = random;
  }

  /** Takes a value `times` over. */
  add(value: number, times: number): void {
    let left = times;
    while (left > 0) {
      if (this.#values.length < this.#size) {
        left -= 1;
        this.#values.push(value);
        if (this.#values.length === this.#size) this.#draw();
      } else if (this.#passOver >= left) {
        this.#passOver -= left;
        left = 0;
      } else {
        left -= this.#passOver + 1;
        this.#values[Math.floor(this.#random() * this.#size)] = value;
        this.#draw();
      }
    }
  }

  /** The sample, which begins anew. */
  take(): readonly number[] {
    const values = this.#values;
    this.#values = [];
    this.#threshold = 1;
    return values;
  }

  #draw(): void {
    this.#threshold *= Math.exp(this.#logarithm() / this.#size);
    this.#passOver = Math.floor(this.#logarithm() / Math.log1p(-this.#threshold));
  }

  /** Of a number that is uniform in (0, 1]: 0 has none. */
  #logarithm(): number {
    return Math.log(1 - this.#random());
  }
}
