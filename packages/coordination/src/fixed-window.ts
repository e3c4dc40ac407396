import type { RateLimit } from './rate-limit.ts';
import type { RateLimitAlgorithm, RateLimitSettings } from './rate-limit-algorithm.ts';
import { countOf, type RateLimitStore } from './rate-limit-store.ts';

/**
 * One counter a window. A window begins with the first hit and ends with the counter's lifetime, which the store measures
 * by its own clock and sets in the step that creates the counter: no host's clock takes part, and no crash leaves a counter
 * that lives for ever.
 *
 * **Invariant.** The store gives each hit a sum of its own, and those up to the limit are allowed: of any number of hits
 * at once exactly the limit, if each counts one. A hit that is refused counts too, which changes nothing for such hits: the
 * counter is at its limit. It is not taken back, since the counter might be that of the next window by then.
 */
export class FixedWindow implements RateLimitAlgorithm {
  readonly #store: RateLimitStore;
  readonly #settings: RateLimitSettings;

  constructor(store: RateLimitStore, settings: RateLimitSettings) {
    this.#store = store;
    this.#settings = settings;
  }

  async hit(key: string, hits: number): Promise<RateLimit> {
    const counter = this.#counter(key);
    const lifetime = { expirationInSeconds: this.#settings.windowInSeconds };
    // One round trip: what is asked in one tick travels together.
    const [count, ttl] = await Promise.all([
      this.#store.increment(counter, hits, lifetime),
      this.#store.getTtl(counter),
    ]);
    const isAllowed = count <= this.#settings.limit;
    return this.#answer(count, isAllowed, isAllowed ? 0 : (ttl ?? (await this.#store.getTtl(counter))));
  }

  async peek(key: string): Promise<RateLimit> {
    const counter = this.#counter(key);
    const [value, ttl] = await Promise.all([this.#store.get(counter), this.#store.getTtl(counter)]);
    const count = countOf(value);
    return this.#answer(count, count < this.#settings.limit, ttl);
  }

  async reset(key: string): Promise<void> {
    await this.#store.removeItem(this.#counter(key));
  }

  /** @param ttl what is left of the window: none if it has just ended */
  #answer(count: number, allowed: boolean, ttl: number | null | undefined): RateLimit {
    const remaining = Math.max(0, this.#settings.limit - count);
    return { allowed, remaining, retryAfterInSeconds: allowed ? 0 : (ttl ?? 0) };
  }

  #counter(key: string): string {
    return `${this.#settings.name}:fixed:${this.#settings.windowInSeconds}:${key}`;
  }
}
