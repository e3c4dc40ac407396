import { ABSENT, type Absent, CacheTimeoutError, type Expiration, validateExpiration, validateTags } from '@cache/core';
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

/** A loader at work. */
export interface Loading<V> {
  /** Rejects with whatever the loader throws, unchanged, or the reason for which it was given up. */
  readonly result: Promise<LoadResult<V>>;
  /** Aborts the loader's signal. What it comes up with later is nobody's: neither value nor error is used. */
  giveUp(reason: unknown): void;
}

/** Runs a loader once, and gives it up with a CacheTimeoutError after `loadTimeoutMs`. */
export function startLoading<V>({ key, loader, stale, options, timers }: LoadRequest<V>): Loading<V> {
  // Made when the loader first asks for it: most never do.
  let abort: AbortController | undefined;
  let givenUpFor: { readonly reason: unknown } | undefined;
  const startedAtMs = timers.now();
  let { expirationInSeconds, tags } = options;
  let isSkipped = false;
  const context: LoadContext<V> = {
    key,
    get signal() {
      abort ??= new AbortController();
      if (givenUpFor !== undefined) abort.abort(givenUpFor.reason);
      return abort.signal;
    },
    stale,
    setExpiration: (expiration) => {
      expirationInSeconds = validateExpiration(expiration, { operation: 'load', backend: 'stack' });
    },
    addTags: (more) => {
      tags = validateTags([...tags, ...more], { operation: 'load', backend: 'stack' });
    },
    skip: () => {
      isSkipped = true;
    },
  };
  let giveUp: (reason: unknown) => void = () => {};
  const found = new Promise<V | null | undefined>((resolve, reject) => {
    const { loadTimeoutMs } = options;
    let isSettled = false;
    giveUp = (reason) => {
      if (isSettled) return;
      isSettled = true;
      cancel();
      reject(reason);
      givenUpFor = { reason };
      abort?.abort(reason);
    };
    const cancel = timers.after(loadTimeoutMs, () => giveUp(timeoutError(loadTimeoutMs)));
    const settle = (run: () => void): void => {
      isSettled = true;
      cancel();
      run();
    };
    call(loader, context).then(
      (value) => settle(() => resolve(value)),
      (error: unknown) => settle(() => reject(error)),
    );
  });
  const resultOf = (value: V | null | undefined): LoadResult<V> => {
    const durationMs = timers.now() - startedAtMs;
    if (value !== null && value !== undefined) {
      return { value, isStored: !isSkipped, expirationInSeconds, tags, durationMs };
    }
    const absentFor = options.absentExpirationInSeconds;
    const isStored = absentFor !== undefined && !isSkipped;
    return { value: ABSENT, isStored, expirationInSeconds: absentFor ?? null, tags, durationMs };
  };
  return { result: found.then(resultOf), giveUp: (reason) => giveUp(reason) };
}

async function call<V>(loader: Loader<V>, context: LoadContext<V>): Promise<V | null | undefined> {
  return loader(context);
}

function timeoutError(timeoutMs: number): CacheTimeoutError {
  return new CacheTimeoutError(`The loader took longer than ${timeoutMs} ms.`, { operation: 'load', backend: 'stack' });
}
