import type { Awaitable, IdentifiableCache } from '@cache/core';

/** What a {@link RestartWatch} is made of. */
export interface RestartWatchParts {
  /** The cache behind. */
  readonly cache: IdentifiableCache;
  /** Makes a call of it within a deadline. */
  readonly ask: (run: () => Awaitable<string>) => Promise<string>;
  /** Another server answers than before, or the same one began anew: what it holds may have been removed. */
  readonly onChange: () => void;
}

/**
 * Knows whether the server behind a shared level is still the one that carried out what was asked of it.
 *
 * Invariant: who waits for `isTrusted` begins after the server said that it is the one known, asked after the last reason for
 * doubt. Reasons are the first use, a call that was not answered, a connection made anew, a gap of the bus.
 *
 * The order that this closes: a removal is acknowledged, the server is restarted from a snapshot in which the item still is,
 * a call fails, the next one reads it.
 */
export class RestartWatch {
  readonly #parts: RestartWatchParts;
  #known: string | undefined;
  #doubts = 1;
  #settledDoubts = 0;
  #connectionEpoch: number | undefined;
  #asking: Promise<boolean> | undefined;

  constructor(parts: RestartWatchParts) {
    this.#parts = parts;
  }

  /** From now on the server may be another one. */
  doubt(): void {
    this.#doubts += 1;
  }

  /**
   * What a call has to wait for: true if the server is the one known. `undefined` if nothing speaks against it.
   *
   * @throws what the cache throws when it is asked, as a rejection
   */
  isTrusted(): Promise<boolean> | undefined {
    const { connectionEpoch } = this.#parts.cache;
    if (connectionEpoch !== this.#connectionEpoch) {
      this.#connectionEpoch = connectionEpoch;
      this.doubt();
    }
    if (this.#settledDoubts === this.#doubts) return undefined;
    this.#asking ??= this.#settle().finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  /**
   * Asks, and remembers the answer. False, and told, if it is another one than before. The first answer of all is believed.
   *
   * @throws what the cache throws
   */
  async identify(): Promise<boolean> {
    const { cache, ask, onChange } = this.#parts;
    const doubts = this.#doubts;
    const identity = await ask(() => cache.serverIdentity());
    const isSame = this.#known === undefined || this.#known === identity;
    this.#known = identity;
    this.#settledDoubts = Math.max(this.#settledDoubts, doubts);
    if (!isSame) onChange();
    return isSame;
  }

  async #settle(): Promise<boolean> {
    while (this.#settledDoubts < this.#doubts) {
      if (!(await this.identify())) return false;
    }
    return true;
  }
}
