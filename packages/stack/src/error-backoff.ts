/** More keys than this failing at once is an outage of the source: the oldest are forgotten. */
const MAX_REMEMBERED_KEYS = 10_000;

interface Failure {
  readonly error: unknown;
  readonly untilMs: number;
}

/** Remembers for a moment that a key's loader failed, so that the next callers do not all try again at once. */
export class ErrorBackoff {
  readonly #failures = new Map<string, Failure>();
  readonly #now: () => number;

  /** @param now monotonic milliseconds */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** The key's loader failed: do not call it for `backoffMs`. */
  record(key: string, error: unknown, backoffMs: number): void {
    if (backoffMs <= 0) return;
    this.#failures.delete(key);
    this.#failures.set(key, { error, untilMs: this.#now() + backoffMs });
    if (this.#failures.size <= MAX_REMEMBERED_KEYS) return;
    const [oldest] = this.#failures.keys();
    if (oldest !== undefined) this.#failures.delete(oldest);
  }

  /** The error with which the key's loader failed a moment ago, or `undefined`. */
  recent(key: string): { readonly error: unknown } | undefined {
    const failure = this.#failures.get(key);
    if (failure === undefined) return undefined;
    if (failure.untilMs > this.#now()) return failure;
    this.#failures.delete(key);
    return undefined;
  }

  /** The key was invalidated, so its loader may well succeed now. */
  forget(key: string): void {
    this.#failures.delete(key);
  }

  /** Everything was invalidated. */
  clear(): void {
    this.#failures.clear();
  }
}
