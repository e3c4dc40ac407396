import type { Invalidation, InvalidationBus } from '@cache/core';
import { InvalidationQueue } from './invalidation-queue.ts';
import type { Timers } from './timers.ts';

/** More than this untold at once, and a clear is told instead. */
const MAX_UNTOLD = 10_000;

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 2_000;

/**
 * Tells the bus, and goes on trying where it failed: a write that was carried out and not told would leave others with
 * what they had until their copies expire.
 */
export class BusTeller {
  readonly #bus: InvalidationBus;
  readonly #timers: Timers;
  readonly #untold: InvalidationQueue = new InvalidationQueue(MAX_UNTOLD);
  #cancel: (() => void) | undefined;
  #failures = 0;

  constructor(bus: InvalidationBus, timers: Timers) {
    this.#bus = bus;
    this.#timers = timers;
  }

  /** @throws what the bus throws; the message is repeated until it takes it */
  async tell(invalidations: readonly Invalidation[]): Promise<void> {
    try {
      await this.#bus.publish(invalidations);
    } catch (error) {
      for (const invalidation of invalidations) this.#untold.add({ invalidation, how: 'remove' });
      this.#repeatSoon();
      throw error;
    }
  }

  /** Repeats nothing any more. */
  close(): void {
    this.#cancel?.();
    this.#cancel = noop;
  }

  #repeatSoon(): void {
    if (this.#cancel !== undefined) return;
    const pauseMs = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** this.#failures);
    this.#cancel = this.#timers.after(pauseMs, () => void this.#repeat());
  }

  async #repeat(): Promise<void> {
    try {
      for (let batch = this.#untold.next(); batch !== undefined; batch = this.#untold.next()) {
        await this.#bus.publish(batch.entries.map(({ invalidation }) => invalidation));
        this.#untold.settle(batch);
      }
      this.#failures = 0;
    } catch {
      this.#failures = Math.min(this.#failures + 1, 10);
    }
    // Closed meanwhile, it is left as it is.
    if (this.#cancel === noop) return;
    this.#cancel = undefined;
    if (this.#untold.length > 0) this.#repeatSoon();
  }
}

function noop(): void {}
