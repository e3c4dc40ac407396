import {
  ABSENT,
  type Absent,
  type CacheErrorContext,
  CacheTimeoutError,
  type Expiration,
  validateExpiration,
  validateTags,
} from '@cache/core';
import type { LoadContext, Loader, ResolvedLoadOptions } from './get-or-set-options.ts';
import type { Timers } from './timers.ts';

/** What came of one run of a loader. */
export interface LoadResult<V> {
  readonly value: V | Absent;
  /** False if the loader said `skip()`, or found nothing and nothing says to remember that. */
  readonly isStored: boolean;
  readonly expirationInSeconds: Expiration;
  readonly tags: readonly string[];
  readonly durationMs: number;
}

/** What one run of a loader is given. */
export interface LoadRequest<V> {
  readonly key: string;
  readonly loader: Loader<V>;
  readonly stale: V | undefined;
  readonly options: ResolvedLoadOptions;
  readonly timers: Timers;
}

/** Who waits for a loader. */
export interface LoadWaiter<V> {
  onLoaded(result: LoadResult<V>): void;
  /** With whatever the loader threw, unchanged, or the reason for which it was given up. */
  onLoadFailed(error: unknown): void;
}

/** A loader at work: runs once, and is given up with a CacheTimeoutError after `loadTimeoutMs`. */
export class Loading<V> {
  readonly #request: LoadRequest<V>;
  readonly #waiter: LoadWaiter<V>;
  readonly #startedAtMs: number;
  readonly #cancelTimeout: () => void;
  // Made when the loader first asks for it: most never do.
  #abort: AbortController | undefined;
  #givenUpFor: { readonly reason: unknown } | undefined;
  #isSettled = false;
  #isSkipped = false;
  #expirationInSeconds: Expiration;
  #tags: readonly string[];

  constructor(request: LoadRequest<V>, waiter: LoadWaiter<V>) {
    const { options, timers, loader } = request;
    this.#request = request;
    this.#waiter = waiter;
    this.#startedAtMs = timers.now();
    this.#expirationInSeconds = options.expirationInSeconds;
    this.#tags = options.tags;
    const { loadTimeoutMs } = options;
    this.#cancelTimeout = timers.after(loadTimeoutMs, () => this.giveUp(timeoutError(loadTimeoutMs)));
    call(loader, new LoaderContext(request, this)).then(
      (value) => {
        if (this.#settle()) waiter.onLoaded(this.#resultOf(value));
      },
      (error: unknown) => {
        if (this.#settle()) waiter.onLoadFailed(error);
      },
    );
  }

  /** Aborts the loader's signal. What it comes up with later is nobody's: neither value nor error is used. */
  giveUp(reason: unknown): void {
    if (!this.#settle()) return;
    this.#givenUpFor = { reason };
    this.#abort?.abort(reason);
    this.#waiter.onLoadFailed(reason);
  }

  setExpiration(expiration: Expiration): void {
    this.#expirationInSeconds = validateExpiration(expiration, CONTEXT);
  }

  addTags(more: readonly string[]): void {
    this.#tags = validateTags([...this.#tags, ...more], CONTEXT);
  }

  skip(): void {
    this.#isSkipped = true;
  }

  /** False if it had settled before. */
  #settle(): boolean {
    if (this.#isSettled) return false;
    this.#isSettled = true;
    this.#cancelTimeout();
    return true;
  }

  /** Aborted when the load is given up. */
  get signal(): AbortSignal {
    this.#abort ??= new AbortController();
    if (this.#givenUpFor !== undefined) this.#abort.abort(this.#givenUpFor.reason);
    return this.#abort.signal;
  }

  #resultOf(value: V | null | undefined): LoadResult<V> {
    const { timers, options } = this.#request;
    const tags = this.#tags;
    const durationMs = timers.now() - this.#startedAtMs;
    if (value !== null && value !== undefined) {
      return { value, isStored: !this.#isSkipped, expirationInSeconds: this.#expirationInSeconds, tags, durationMs };
    }
    const absentFor = options.absentExpirationInSeconds;
    const isStored = absentFor !== undefined && !this.#isSkipped;
    return { value: ABSENT, isStored, expirationInSeconds: absentFor ?? null, tags, durationMs };
  }
}

/** What a loader is told. Its calls may be taken out of it, and are made when they are: most loaders use none. */
class LoaderContext<V> implements LoadContext<V> {
  readonly key: string;
  readonly stale: V | undefined;
  readonly #loading: Loading<V>;

  constructor({ key, stale }: LoadRequest<V>, loading: Loading<V>) {
    this.key = key;
    this.stale = stale;
    this.#loading = loading;
  }

  get signal(): AbortSignal {
    return this.#loading.signal;
  }

  get setExpiration(): LoadContext<V>['setExpiration'] {
    return (expiration) => this.#loading.setExpiration(expiration);
  }

  get addTags(): LoadContext<V>['addTags'] {
    return (tags) => this.#loading.addTags(tags);
  }

  get skip(): LoadContext<V>['skip'] {
    return () => this.#loading.skip();
  }
}

const CONTEXT: CacheErrorContext = { operation: 'load', backend: 'stack' };

/** A loader may throw at once, or answer without a promise. */
function call<V>(loader: Loader<V>, context: LoadContext<V>): Promise<V | null | undefined> {
  try {
    return Promise.resolve(loader(context));
  } catch (error) {
    return Promise.reject(error);
  }
}

function timeoutError(timeoutMs: number): CacheTimeoutError {
  return new CacheTimeoutError(`The loader took longer than ${timeoutMs} ms.`, CONTEXT);
}
