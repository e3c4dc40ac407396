import { LONGEST_GAP_MS } from './burst-clock.ts';
import type { ExpirationIndex } from './expiration-index.ts';

/** More than the clock answers per reading, so that the list is settled before it is full. */
const LONGEST_LIST = 512;

/**
 * Deadlines counted from a clock reading that was being reused, so that the true time of the `set` may have been later and the item
 * would die early. When the next reading shows that no more than a millisecond passed, the millisecond added to each of them was
 * enough; if the event loop was blocked meanwhile, each is put off by as long as that. So an item never lives less than its lifetime.
 */
export class ProvisionalDeadlines {
  readonly #slots: Int32Array = new Int32Array(LONGEST_LIST);
  readonly #deadlines: Float64Array = new Float64Array(LONGEST_LIST);
  #length = 0;

  get isFull(): boolean {
    return this.#length === LONGEST_LIST;
  }

  add(slot: number, deadline: number): void {
    this.#slots[this.#length] = slot;
    this.#deadlines[this.#length++] = deadline;
  }

  /** Called with each new reading and the one before it. A slot whose deadline has changed since has been settled or reused. */
  settle(elapsedMs: number, expiration: ExpirationIndex): void {
    if (elapsedMs > LONGEST_GAP_MS) {
      for (let i = 0; i < this.#length; i++) {
        const slot = this.#slots[i] as number;
        const deadline = this.#deadlines[i] as number;
        if (expiration.deadlineOf(slot) === deadline) expiration.schedule(slot, deadline + elapsedMs);
      }
    }
    this.#length = 0;
  }
}
