import { LONGEST_GAP_MS } from './burst-clock.ts';
import type { ExpirationIndex } from './expiration-index.ts';

/** More than the clock answers per reading, and each write asks it once. */
const LONGEST_LIST = 512;

/**
 * Slots whose deadline was counted from a clock reading that was being reused: the true time of the `set` may have been later, and the
 * item would die early. When the next reading shows that no more than a millisecond passed, the millisecond added to each deadline was
 * enough; if the thread was busy meanwhile, each is put off by as long as that. So an item never lives less than its lifetime.
 *
 * Invariant: every deadline set since the last reading is in the list, since whoever does not reuse a reading makes one.
 */
export class ProvisionalDeadlines {
  readonly #slots: Int32Array = new Int32Array(LONGEST_LIST);
  #length = 0;

  add(slot: number): void {
    this.#slots[this.#length++] = slot;
  }

  /** Called with each new reading: how long the one before stood. */
  settle(elapsedMs: number, expiration: ExpirationIndex): void {
    if (elapsedMs > LONGEST_GAP_MS) {
      for (const slot of new Set(this.#slots.subarray(0, this.#length))) {
        expiration.schedule(slot, expiration.deadlineOf(slot) + elapsedMs);
      }
    }
    this.#length = 0;
  }
}
