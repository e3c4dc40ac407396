/** Counts durations in the buckets of a Prometheus histogram; constant in memory. */
export class BucketCounts {
  readonly #upperBounds: readonly number[];
  readonly #counts: Float64Array;
  #count = 0;
  #sum = 0;

  /** @param upperBounds of the buckets, ascending */
  constructor(upperBounds: readonly number[]) {
    this.#upperBounds = upperBounds;
    this.#counts = new Float64Array(upperBounds.length);
  }

  get count(): number {
    return this.#count;
  }

  get sum(): number {
    return this.#sum;
  }

  /** Counts a value `times` over. It is in the first bucket whose bound it does not exceed. */
  record(value: number, times: number): void {
    this.#count += times;
    this.#sum += value * times;
    const bounds = this.#upperBounds;
    for (let bucket = 0; bucket < bounds.length; bucket += 1) {
      if (value > (bounds[bucket] as number)) continue;
      this.#counts[bucket] = (this.#counts[bucket] as number) + times;
      return;
    }
  }

  /** For each bound, how many values did not exceed it. */
  cumulative(): number[] {
    let total = 0;
    return Array.from(this.#counts, (count) => {
      total += count;
      return total;
    });
  }

  reset(): void {
    this.#counts.fill(0);
    this.#count = 0;
    this.#sum = 0;
  }
}
