import type { RateLimit } from './rate-limit.ts';
import type { RateLimitAlgorithm, RateLimitSettings } from './rate-limit-algorithm.ts';
import { countOf, type RateLimitStore } from './rate-limit-store.ts';
import type { StoreClock } from './store-clock.ts';

/** The time comes as a fraction: what its rounding may take from a whole hit. */
const ROUNDING = 1e-6;

/** Where in time a hit falls. */
interface Position {
  readonly current: string;
  readonly previous: string;
  /** How much of the window before still counts: 1 at the beginning of this one, 0 at its end. */
  readonly weight: number;
}

/**
 * Two counters a key, of this window and the one before, of which the share counts that a window ending now would still
 * cover: `previous × weight + current`. After J. Desgats, "Counting things, a lot of different things", Cloudflare blog, 2017.
 *
 * **Bound.** It takes the hits of the window before as spread evenly, and is exact where they were. Where they all came at
 * its end, up to twice the limit, less one, are allowed within some span of one window. Where they all came at its
 * beginning, a hit may be refused although none was allowed for a whole window.
 *
 * **Invariant.** A counter is never below the number of hits that were allowed: each hit is added first, and taken back
 * only if it was refused. So of any number of hits at once exactly the limit is allowed, if each counts one and nothing
 * was counted before. What a crash keeps from being taken back lowers the limit until the window ends and never raises it.
 * Where a counter is reset or lost while refused hits are taken back, they may take others' hits with them: until they are
 * put back, a round trip later, as many more are allowed as were under way.
 */
export class SlidingWindow implements RateLimitAlgorithm {
  readonly #store: RateLimitStore;
  readonly #settings: RateLimitSettings;
  readonly #clock: StoreClock;

  constructor(store: RateLimitStore, settings: RateLimitSettings, clock: StoreClock) {
    this.#store = store;
    this.#settings = settings;
    this.#clock = clock;
  }

  async hit(key: string, hits: number): Promise<RateLimit> {
    const { current, previous, weight } = await this.#position(key);
    // A counter is needed to the end of the next window. One round trip: what is asked in one tick travels together.
    const lifetime = { expirationInSeconds: 2 * this.#settings.windowInSeconds };
    const [count, value] = await Promise.all([
      this.#store.increment(current, hits, lifetime),
      this.#store.get(previous),
    ]);
    const before = this.#countBefore(value);
    const answer = this.#answer(before, count - hits, hits, weight);
    if (!answer.allowed) this.#takeBack(current, hits, lifetime);
    return answer;
  }

  async peek(key: string): Promise<RateLimit> {
    const { current, previous, weight } = await this.#position(key);
    const [count, value] = await Promise.all([this.#store.get(current), this.#store.get(previous)]);
    const answer = this.#answer(this.#countBefore(value), countOf(count), 1, weight);
    return answer.allowed ? { ...answer, remaining: answer.remaining + 1 } : answer;
  }

  async reset(key: string): Promise<void> {
    const { current, previous } = await this.#position(key);
    await Promise.all([this.#store.removeItem(current), this.#store.removeItem(previous)]);
  }

  async #position(key: string): Promise<Position> {
    const { name, windowInSeconds } = this.#settings;
    const windows = (await this.#clock.now()) / (windowInSeconds * 1000);
    const index = Math.floor(windows);
    const counter = (of: number): string => `${name}:sliding:${windowInSeconds}:${of}:${key}`;
    return { current: counter(index), previous: counter(index - 1), weight: 1 - (windows - index) };
  }

  /** No more than the limit was allowed in a window; what is above it was not taken back. */
  #countBefore(value: unknown): number {
    return Math.min(countOf(value), this.#settings.limit);
  }

  /** @param count of this window, without the hits that are asked about */
  #answer(before: number, count: number, hits: number, weight: number): RateLimit {
    const { limit, windowInSeconds } = this.#settings;
    const left = limit - before * weight - count - hits + ROUNDING;
    if (left >= 0) return { allowed: true, remaining: Math.floor(left), retryAfterInSeconds: 0 };
    const room = limit - hits - count;
    // In this window as soon as enough of the one before has slid out, or in the next one, where `count` slides out.
    const windows = room >= 0 ? weight - room / before : weight + 1 - (limit - hits) / Math.min(count, limit);
    const remaining = Math.max(0, Math.floor(left + hits));
    // Whole milliseconds, rounded up: a moment too early would be refused again.
    return { allowed: false, remaining, retryAfterInSeconds: Math.ceil(windows * windowInSeconds * 1000) / 1000 };
  }

  /**
   * Nobody waits for it: what is lost here lowers the limit until the window ends. A counter that was reset or evicted
   * meanwhile does not hold these hits any more: below zero it would let as many more in, so they are put back.
   */
  #takeBack(counter: string, hits: number, lifetime: { readonly expirationInSeconds: number }): void {
    Promise.resolve()
      .then(() => this.#store.decrement(counter, hits, lifetime))
      .then((left) => (left < 0 ? this.#store.increment(counter, hits, lifetime) : left))
      .catch(() => {});
  }
}
