import { CacheUnavailableError } from '@cache/core';
import type { RateLimitStore } from './rate-limit-store.ts';
import type { Timers } from './timers.ts';

/** Ten years: long enough not to end, and no item that lives for ever. */
const LIFETIME_IN_SECONDS = 10 * 365 * 86_400;
/** Between two looks at the store: monotonic clocks drift apart by a few milliseconds in that time. */
const RESYNC_AFTER_MS = 60_000;
/** Each fails only if the item was evicted or cleared while it was read. */
const MAX_ATTEMPTS = 10;

/**
 * A time that all processes over one store agree on, within half a round trip, whatever their own clocks say.
 *
 * An item that is never changed carries it: its remaining lifetime is measured by the store alone. Its value says which
 * time it was when the item was made, by the clock of whoever made it; the others take that as given, so no two clocks are
 * compared. If the item is lost, whoever makes the next one goes on from his own clock. Between two looks time is
 * counted by the process's monotonic clock.
 */
export class StoreClock {
  readonly #store: Pick<RateLimitStore, 'get' | 'getTtl' | 'setWithNx'>;
  readonly #key: string;
  readonly #timers: Pick<Timers, 'now'>;
  #offsetMs: number | undefined;
  #askedAtMs = 0;
  #asking: Promise<number> | undefined;

  constructor(store: Pick<RateLimitStore, 'get' | 'getTtl' | 'setWithNx'>, key: string, timers: Pick<Timers, 'now'>) {
    this.#store = store;
    this.#key = key;
    this.#timers = timers;
  }

  /** Unix milliseconds, more or less, and the same for all. Asks the store the first time; rejects if that fails. */
  async now(): Promise<number> {
    const isDue = this.#timers.now() - this.#askedAtMs >= RESYNC_AFTER_MS;
    if (this.#offsetMs === undefined) await this.#ask();
    else if (isDue) this.#ask().catch(() => {});
    return this.#timers.now() + (this.#offsetMs as number);
  }

  #ask(): Promise<number> {
    this.#asking ??= this.#measure().finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  async #measure(): Promise<number> {
    this.#askedAtMs = this.#timers.now();
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
      // One after the other: if the value is the same before and after, the lifetime between belongs to it.
      const madeAtMs = await this.#store.get(this.#key);
      const fromMs = this.#timers.now();
      const ttl = await this.#store.getTtl(this.#key);
      const toMs = this.#timers.now();
      const again = await this.#store.get(this.#key);
      if (typeof madeAtMs === 'number' && again === madeAtMs && typeof ttl === 'number') {
        this.#offsetMs = madeAtMs + (LIFETIME_IN_SECONDS - ttl) * 1000 - (fromMs + toMs) / 2;
        return this.#offsetMs;
      }
      await this.#store.setWithNx(this.#key, Date.now(), LIFETIME_IN_SECONDS);
    }
    throw new CacheUnavailableError('The cache does not keep the clock of the limiter.', {
      operation: 'rateLimit',
      backend: 'coordination',
    });
  }
}
