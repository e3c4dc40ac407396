import { type CacheErrorCode, type CacheErrorsByCode, hasErrorCode } from '@cache/core';
import { settle, waitUntil } from '@cache/test-servers';

/**
 * Longer than the default deadlines of 250 and 500 ms: a server that answers must not fail a test because the machine had no
 * time for it. `programs/survivor.ts` lives with the default ones.
 */
export const DEADLINES = { readTimeoutMs: 1_000, writeTimeoutMs: 1_000 } as const;

/**
 * A call with these deadlines, at most one of each in a call, settles before this. The rest is room for a busy machine: a call
 * that hangs is still pending long after.
 */
export const SETTLED_LIMIT_MS = 5_000;

/** The same for the default deadlines. */
export const DEFAULT_SETTLED_LIMIT_MS = 2_000;

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

/** Waits until a call succeeds. */
export async function recovery(what: string, limitMs: number, call: () => Promise<unknown>): Promise<void> {
  await waitUntil(what, limitMs, async () => {
    await call();
    return true;
  });
}
