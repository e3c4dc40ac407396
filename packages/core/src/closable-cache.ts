/// <reference lib="esnext.disposable" preserve="true" />
import type { Awaitable } from './awaitable.ts';

/**
 * A cache that holds something to give back. A cache that was handed a client leaves it open; one that made its
 * own (`connect`) ends it. Every later call on the cache is a `CacheClosedError`.
 *
 * A synchronous cache also has `Symbol.dispose`, an asynchronous one `Symbol.asyncDispose`, so that `using` and
 * `await using` close it.
 */
export interface ClosableCache {
  /** Ends the cache. Calls under way settle; closing twice is allowed. */
  close(): Awaitable<void>;
}
