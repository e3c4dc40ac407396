import type { CacheHooks } from '@cache/core';

/**
 * Logs calls that fail: each kind of failure at most once in a while, with how often it happened since. An error says neither
 * key nor value.
 */
export function logFailures(intervalMs: number, log: (line: string) => void, now: () => number = Date.now): CacheHooks {
  const kinds = new Map<string, { loggedAtMs: number; unlogged: number }>();
  return {
    onError({ cache, backend, operation, error }) {
      const kind = `${cache} (${backend}): ${operation} failed with ${error.code}`;
      const known = kinds.get(kind) ?? { loggedAtMs: Number.NEGATIVE_INFINITY, unlogged: 0 };
      kinds.set(kind, known);
      known.unlogged += 1;
      if (now() - known.loggedAtMs < intervalMs) return;
      log(`${kind}, ${known.unlogged} times`);
      known.loggedAtMs = now();
      known.unlogged = 0;
    },
  };
}
