import { CacheTimeoutError, type Invalidation, type InvalidationBus } from '@cache/core';
import { InvalidationQueue } from './invalidation-queue.ts';
import type { Timers } from './timers.ts';

/** More than this untold at once, and a clear is told instead. */
const MAX_UNTOLD = 10_000;

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 2_000;

/** What a {@link BusTeller} is made of. */
export interface BusTellerParts {
  readonly bus: InvalidationBus;
  /** How long the bus may take for one message. */
  readonly timeoutMs: number;
  /** For deadlines. */
  readonly timers: Timers;
  /** For pauses, which keep no process alive. */
  readonly pauses: Timers;
}

/**
 * Tells the bus, and goes on trying where it failed: a write that was carried out and not told would leave others with
 * what they had until their copies expire.
 */
export class BusTeller {
  readonly #parts: BusTellerParts;
  readonly #untold: InvalidationQueue = new InvalidationQueue(MAX_UNTOLD);
  /** Ends the pause; `undefined` while none is under way and nothing is being repeated. */
  #cancel: (() => void) | undefined;
  #failures = 0;
  #isClosed = false;

  constructor(parts: BusTellerParts) {
    this.#parts = parts;
  }

  /** @throws what the bus throws, CacheTimeoutError; the message is repeated until it is taken */
  async tell(invalidations: readonly Invalidation[]): Promise<void> {
    try {
      await this.#publish(invalidations, this.#parts.timeoutMs);
    } catch (error) {
      this.#remember(invalidations);
      this.#repeatSoon();
      throw error;
    }
  }

  /** The same for who must not wait for the bus. */
  tellLater(invalidations: readonly Invalidation[]): void {
    this.#remember(invalidations);
    if (this.#cancel !== undefined || this.#isClosed) return;
    this.#cancel = noop;
    void this.#repeat();
  }

  /**
   * Tries once more, and repeats nothing then.
   *
   * @returns how many invalidations the bus did not take
   */
  async close(withinMs: number): Promise<number> {
    this.#isClosed = true;
    this.#cancel?.();
    if (withinMs > 0) await this.#publishUntold(withinMs).catch(noop);
    return this.#untold.length;
  }

  #remember(invalidations: readonly Invalidation[]): void {
    for (const invalidation of invalidations) this.#untold.add({ invalidation, how: 'remove' });
  }

  #repeatSoon(): void {
    if (this.#cancel !== undefined || this.#isClosed) return;
    const pauseMs = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** this.#failures);
    this.#cancel = this.#parts.pauses.after(pauseMs, () => void this.#repeat());
  }

  async #repeat(): Promise<void> {
    try {
      await this.#publishUntold(this.#parts.timeoutMs);
      this.#failures = 0;
    } catch {
      this.#failures = Math.min(this.#failures + 1, 10);
    }
    this.#cancel = undefined;
    if (this.#untold.length > 0) this.#repeatSoon();
  }

  async #publishUntold(withinMs: number): Promise<void> {
    for (let batch = this.#untold.next(); batch !== undefined; batch = this.#untold.next()) {
      const invalidations = batch.entries.map(({ invalidation }) => invalidation);
      await this.#publish(invalidations, withinMs);
      this.#untold.settle(batch);
    }
  }

  /** A third party's bus may hang, or throw at once. */
  #publish(invalidations: readonly Invalidation[], withinMs: number): Promise<void> {
    const { bus, timers } = this.#parts;
    return new Promise((resolve, reject) => {
      const cancel = timers.after(withinMs, () => reject(timeoutError(withinMs)));
      const published = (async () => bus.publish(invalidations))();
      published.finally(cancel).then(resolve, reject);
    });
  }
}

function timeoutError(timeoutMs: number): CacheTimeoutError {
  return new CacheTimeoutError(`The bus did not take a message within ${timeoutMs} ms.`, {
    operation: 'publish',
    backend: 'stack',
    ambiguous: true,
  });
}

function noop(): void {}
