import { setImmediate as turn } from 'node:timers/promises';
import type { Timers } from '@cache/coordination';

interface Timer {
  readonly atMs: number;
  readonly callback: () => void;
}

/** Time that moves when it is told to, for locks and limiters and for the cache under them. */
export class ManualTime implements Timers {
  readonly #timers = new Set<Timer>();
  #nowMs = 1_000_000;

  /** How many timers are set. */
  get pending(): number {
    return this.#timers.size;
  }

  now(): number {
    return this.#nowMs;
  }

  after(delayMs: number, callback: () => void): () => void {
    // As setTimeout does from Node 21 on, with a warning of the process.
    if (!(delayMs >= 0)) throw new RangeError('A timer is set for the future.');
    const timer = { atMs: this.#nowMs + delayMs, callback };
    this.#timers.add(timer);
    return () => {
      this.#timers.delete(timer);
    };
  }

  afterUnlessIdle(delayMs: number, callback: () => void): () => void {
    return this.after(delayMs, callback);
  }

  /** Lets everything happen that needs no time, then fires what is due, one by one. */
  async advance(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms;
    await turn();
    for (let next = this.#next(endMs); next !== undefined; next = this.#next(endMs)) {
      this.#timers.delete(next);
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.callback();
      await turn();
    }
    this.#nowMs = endMs;
    await turn();
  }

  /** Time passes, and no timer fires: what a frozen process sees when it goes on. */
  skip(ms: number): void {
    this.#nowMs += ms;
  }

  #next(endMs: number): Timer | undefined {
    const [first] = [...this.#timers].filter(({ atMs }) => atMs <= endMs).sort((a, b) => a.atMs - b.atMs);
    return first;
  }
}
