/** The highest count a 4-bit counter holds; TinyLFU §3.4.1 shows that more buys nothing once counts are halved in time. */
export const MAX_FREQUENCY = 15;

/** 32-bit words per block: one cache line, so that both counters of a key cost one memory access. */
const BLOCK_WORDS = 16;
const ITEMS_PER_BLOCK = 8;

/**
 * The remembered frequency of keys that are no longer held: a count-min sketch with conservative update
 * (Einziger, Friedman, Manes, "TinyLFU", ACM ToS 2017, §3) of 4-bit counters, two per key inside one cache line.
 * A held key counts in its own slot instead; its count comes here when it is evicted, and is read when it returns.
 *
 * Two counters, where the paper has four: over nine traces two gave the same hits as four, one gave half a point less, and each
 * costs time on every eviction.
 */
export class GhostSketch {
  readonly #words: Int32Array;
  readonly #blockMask: number;

  /** Eight bytes per item, rounded up to a power of two. */
  constructor(items: number) {
    const blocks = 2 ** Math.max(5, Math.ceil(Math.log2(items / ITEMS_PER_BLOCK)));
    this.#words = new Int32Array(blocks * BLOCK_WORDS);
    this.#blockMask = blocks - 1;
  }

  /**
   * The lesser of the key's two counters. Both are raised to one more in the same step, since most newcomers were asked
   * for once, lose, and are remembered with just that.
   */
  recall(hash: number): number {
    const words = this.#words;
    const block = (hash & this.#blockMask) * BLOCK_WORDS;
    const first = block + ((hash >>> 29) & 7);
    const second = block + 8 + ((hash >>> 23) & 7);
    const firstShift = (hash >>> 24) & 28;
    const secondShift = (hash >>> 18) & 28;
    const firstWord = words[first] as number;
    const secondWord = words[second] as number;
    const count = Math.min((firstWord >>> firstShift) & 15, (secondWord >>> secondShift) & 15);
    if (count < MAX_FREQUENCY) {
      words[first] = raised(firstWord, firstShift, count + 1);
      words[second] = raised(secondWord, secondShift, count + 1);
    }
    return count;
  }

  /** Raises each of the key's counters to at least `count` (conservative update). */
  raise(hash: number, count: number): void {
    const words = this.#words;
    const block = (hash & this.#blockMask) * BLOCK_WORDS;
    const first = block + ((hash >>> 29) & 7);
    const second = block + 8 + ((hash >>> 23) & 7);
    words[first] = raised(words[first] as number, (hash >>> 24) & 28, count);
    words[second] = raised(words[second] as number, (hash >>> 18) & 28, count);
  }

  /** Ageing: halves every counter, eight at a time (TinyLFU §3.3, the reset operation). */
  halve(): void {
    const words = this.#words;
    for (let i = 0; i < words.length; i++) words[i] = ((words[i] as number) >>> 1) & 0x77777777;
  }
}

function raised(word: number, shift: number, count: number): number {
  return ((word >>> shift) & 15) < count ? (word & ~(15 << shift)) | (count << shift) : word;
}
