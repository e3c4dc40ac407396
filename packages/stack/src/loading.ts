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

/**
 * Runs a loader once, within `loadTimeoutMs`. What a loader that was given up comes up with later is nobody's: neither
 * value nor error is used.
 *
 * @throws whatever the loader throws, unchanged; CacheTimeoutError when it takes too long
 */
export async function runLoader<V>(
  key: string,
  loader: Loader<V>,
  stale: V | undefined,
  options: ResolvedLoadOptions,
  timers: Timers,
  closing: AbortSignal,
): Promise<LoadResult<V>> {
  const abort = new AbortController();
  const startedAtMs = timers.now();
  let { expirationInSeconds, tags } = options;
  let isSkipped = false;
  const context: LoadContext<V> = {
    key,
    signal: abort.signal,
    stale,
    setExpiration: (expiration) => {
      expirationInSeconds = validateExpiration(expiration);
    },
    addTags: (more) => {
      tags = validateTags([...tags, ...more]);
    },
    skip: () => {
      isSkipped = true;
    },
  };
  const found = await bounded(async () => loader(context), abort, options.loadTimeoutMs, timers, closing);
  const durationMs = timers.now() - startedAtMs;
  if (found !== null && found !== undefined) {
    return { value: found, isStored: !isSkipped, expirationInSeconds, tags, durationMs };
  }
  const absentFor = options.absentExpirationInSeconds;
  const isStored = absentFor !== undefined && !isSkipped;
  return { value: ABSENT, isStored, expirationInSeconds: absentFor ?? null, tags, durationMs };
}

function bounded<T>(
  run: () => Promise<T>,
  abort: AbortController,
  timeoutMs: number,
  timers: Timers,
  closing: AbortSignal,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const giveUp = (reason: unknown): void => {
      stop();
      reject(reason);
      abort.abort(reason);
    };
    const onClose = (): void => giveUp(closing.reason);
    const cancel = timers.after(timeoutMs, () =>
      giveUp(
        new CacheTimeoutError(`The loader took longer than ${timeoutMs} ms.`, { operation: 'load', backend: 'stack' }),
      ),
    );
    const stop = (): void => {
      cancel();
      closing.removeEventListener('abort', onClose);
    };
    closing.addEventListener('abort', onClose, { once: true });
    run().then(
      (value) => {
        stop();
        resolve(value);
      },
      (error: unknown) => {
        stop();
        reject(error);
      },
    );
  });
}
