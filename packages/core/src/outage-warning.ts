import type { CacheError } from './cache-error.ts';

/** A warning a minute says that something is wrong without filling a log. */
const WARNING_INTERVAL_MS = 60_000;

/** Tells the process, once a minute and kind of error at most, that a cache's server fails: for those who set no `onError` hook. */
export class OutageWarning {
  readonly #cache: string;
  readonly #now: () => number;
  readonly #silentUntil = new Map<string, number>();

  /** @param now monotonic milliseconds */
  constructor(cache: string, now: () => number = () => performance.now()) {
    this.#cache = cache;
    this.#now = now;
  }

  /** Warns with the error's code and operation alone: a message may end up in a log that others read. */
  report(error: CacheError): void {
    const now = this.#now();
    // A wrong password after an outage is news.
    if (now < (this.#silentUntil.get(error.code) ?? Number.NEGATIVE_INFINITY)) return;
    this.#silentUntil.set(error.code, now + WARNING_INTERVAL_MS);
    process.emitWarning(
      `Cache "${this.#cache}": ${error.operation ?? 'a call'} failed. Set hooks.onError to handle it.`,
      {
        code: error.code,
      },
    );
  }
}
