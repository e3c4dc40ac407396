/** The weight of one entry: about the last twenty count. */
const WEIGHT = 1 / 20;

/** Asking for what a few do not need costs less than a second round trip for what many do. */
const HIGH_SHARE = 0.3;

/**
 * The share of plain values among the entries read lately, as a moving average: whether their lifetimes, which only the
 * server knows, had better be asked for beside them.
 */
export class PlainShare {
  #share = 0;

  get isHigh(): boolean {
    return this.#share > HIGH_SHARE;
  }

  /** An entry was read. */
  observe(isPlain: boolean): void {
    this.#share += (Number(isPlain) - this.#share) * WEIGHT;
  }
}
