import { type CacheErrorCode, type CacheErrorsByCode, hasErrorCode } from '@cache/core';
import { settle, waitUntil } from '@cache/test-servers';

/**
 * A call with the default deadlines (250 ms to read, 500 ms to write, at most one of each in a call) settles before this.
 * The rest is room for a busy machine: a call that hangs is still pending long after.
 */
export const SETTLED_LIMIT_MS = 2_000;

/** The error that a call must fail with, and in time; anything else fails the test and says what happened instead. */
export async function failureOf<C extends CacheErrorCode>(
  call: Promise<unknown>,
  ...codes: readonly C[]
): Promise<CacheErrorsByCode[C]> {
  const outcome = await settle(call, SETTLED_LIMIT_MS);
  if (outcome.state === 'fulfilled') throw new Error(`Expected ${codes.join(' or ')}; the call succeeded.`);
  const { reason } = outcome;
  for (const code of codes) if (hasErrorCode(reason, code)) return reason;
  throw new Error(`Expected ${codes.join(' or ')}; got another error.`, { cause: reason });
}

/** What a failure of a server can be called: refused, or silent. */
export function outageOf(
  call: Promise<unknown>,
): Promise<CacheErrorsByCode['ERR_CACHE_TIMEOUT' | 'ERR_CACHE_UNAVAILABLE']> {
  return failureOf<'ERR_CACHE_TIMEOUT' | 'ERR_CACHE_UNAVAILABLE'>(call, 'ERR_CACHE_TIMEOUT', 'ERR_CACHE_UNAVAILABLE');
}

/** Waits until a call succeeds and gives how long that took. */
export async function recovery(what: string, limitMs: number, call: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await waitUntil(what, limitMs, async () => {
    await call();
    return true;
  });
  return performance.now() - startedAt;
}
