import { randomUUID } from 'node:crypto';
import { CacheLockHeldError, CacheLockLostError, validateKey } from '@cache/core';
import { abortable } from './abortable.ts';
import { CacheLock, type LockStore } from './cache-lock.ts';
import { type LockOptions, type ResolvedLockOptions, resolveLockOptions } from './lock-options.ts';
import { retryDelayMs } from './retry-delay.ts';
import { validateStore } from './validate-store.ts';

const CALLS: readonly (keyof LockStore)[] = ['setWithNx', 'setTtlIfEquals', 'removeIfEquals', 'increment'];
const CONTEXT = { operation: 'acquireLock', backend: 'coordination' } as const;

/** Of one length, so that a key too long for one is refused before anything is stored. */
const OWNER_PREFIX = 'lock:owner:';
const FENCE_PREFIX = 'lock:fence:';

/**
 * Takes the lock of a key, and waits for it if somebody else holds it. Waiters are not served in turn.
 *
 * ```ts
 * await using lock = await acquireLock(cache, 'report');
 * await store.write(report, { ifNewerThan: lock.fencingNumber, signal: lock.signal });
 * ```
 *
 * **Invariant.** A fencing number is used only if the counter answered while the lease was held by the local clock. So it
 * was drawn while nobody else held the lock, and whoever holds it later draws a larger one. A number that was drawn too
 * late, by a process that was frozen in between, is thrown away with the lock: numbers may be left out, and are never
 * given twice, for the counter does not end with the lock.
 *
 * Two round trips where the lock is free, one for each further attempt.
 *
 * @throws CacheLockHeldError if it was held for all of `waitTimeoutMs`
 * @throws CacheLockLostError if the lease ran out before the lock could be handed over
 * @throws CacheOptionError, CacheKeyError before anything is asked of the cache
 * @throws what the cache throws when its server fails: waiting is for locks that are held
 */
export async function acquireLock(cache: LockStore, key: string, options: LockOptions = {}): Promise<CacheLock> {
  validateStore(cache, CALLS, 'acquireLock(cache, key)', CONTEXT);
  const resolved = resolveLockOptions(options);
  validateKey(key, CONTEXT);
  const { timers, signal, waitTimeoutMs, maxRetryDelayMs, random } = resolved;
  const giveUpAtMs = timers.now() + waitTimeoutMs;
  for (let attempt = 0; ; attempt += 1) {
    signal?.throwIfAborted();
    const attempted = takeLock(cache, key, resolved);
    const lock = await abortable(attempted, signal).catch((error: unknown) => {
      // Nobody waits for it any more: what is taken late is given back.
      attempted.then((late) => late?.[Symbol.asyncDispose]()).catch(() => {});
      throw error;
    });
    if (lock !== undefined) return lock;
    const leftMs = giveUpAtMs - timers.now();
    if (leftMs <= 0) throw new CacheLockHeldError('Somebody else holds the lock.', CONTEXT);
    await pause(Math.min(leftMs, retryDelayMs(attempt, maxRetryDelayMs, random)), resolved);
  }
}

/** One attempt: the lock, or `undefined` if somebody else holds it. */
async function takeLock(store: LockStore, key: string, options: ResolvedLockOptions): Promise<CacheLock | undefined> {
  const { timers, leaseInSeconds, fenceExpirationInSeconds } = options;
  const storedKey = OWNER_PREFIX + key;
  const token = randomUUID();
  const requestedAtMs = timers.now();
  try {
    if (!(await store.setWithNx(storedKey, token, { expirationInSeconds: leaseInSeconds }))) return undefined;
    const expiration = { expirationInSeconds: fenceExpirationInSeconds };
    const fencingNumber = await store.increment(FENCE_PREFIX + key, 1, expiration);
    const lease = { store, timers, key, storedKey, token, fencingNumber, leaseInSeconds, requestedAtMs };
    const lock = new CacheLock(lease);
    if (lock.isHeld) return lock;
    throw new CacheLockLostError('The lease ran out before the lock could be handed over.', CONTEXT);
  } catch (error) {
    // The request may have been carried out all the same. If this fails too, the lease ends it.
    Promise.resolve()
      .then(() => store.removeIfEquals(storedKey, token))
      .catch(() => {});
    throw error;
  }
}

function pause(delayMs: number, { timers, signal }: ResolvedLockOptions): Promise<void> {
  let cancel = (): void => {};
  const slept = new Promise<void>((resolve) => {
    cancel = timers.after(delayMs, resolve);
  });
  return abortable(slept, signal).catch((error: unknown) => {
    cancel();
    throw error;
  });
}
