/** What one step of maintenance should take: others wait behind it for disk, processor and locks. */
const TARGET_MS = 25;

const LEAST = 100;
const MOST = 20_000;

/** How many rows a step works on: more while steps are quick, fewer when they are not. */
export class AdaptiveChunk {
  readonly #isFixed: boolean;
  #size: number;

  /** @param fixedSize the size asked for, or `undefined` to adapt */
  constructor(fixedSize: number | undefined) {
    this.#isFixed = fixedSize !== undefined;
    this.#size = fixedSize ?? 1_000;
  }

  get size(): number {
    return this.#size;
  }

  /** The last step took so long; answers how long to pause, so that others get as much of the server as this. */
  adapt(elapsedMs: number): number {
    if (!this.#isFixed) {
      const factor = Math.min(2, Math.max(0.25, TARGET_MS / Math.max(elapsedMs, 1)));
      this.#size = Math.round(Math.min(MOST, Math.max(LEAST, this.#size * factor)));
    }
    return Math.min(elapsedMs, 100);
  }
}
