import type { CacheHooks } from '@cache/core';

/** Logs loads that take long, with their keys: hand it to the stack. Leave the key out where keys are private. */
export function logSlowLoads(thresholdMs: number, log: (line: string) => void): CacheHooks {
  return {
    onLoad({ cache, key, outcome, durationMs }) {
      if (durationMs >= thresholdMs) log(`${cache}: loading ${key} took ${Math.round(durationMs)} ms (${outcome})`);
    },
  };
}
