import type { FreshEntry } from '@cache/core';

/**
 * True if this reader should load the value anew before it expires: more likely the nearer the end and the longer the
 * load, so that a hot key is refreshed once, ahead of time, without any coordination. XFetch, "Optimal Probabilistic
 * Cache Stampede Prevention" (Vattani, Chierichetti, Lowenstein, VLDB 2015), with delta the last load's duration.
 *
 * @param beta 1 is the paper's optimum for most loads; larger is earlier
 * @param random uniform in [0, 1)
 */
export function isEarly(entry: FreshEntry<unknown>, beta: number, random: () => number): boolean {
  const { loadDurationMs, remainingInSeconds } = entry;
  if (beta <= 0 || loadDurationMs === undefined || remainingInSeconds === null) return false;
  // 1 - random() is in (0, 1], whose logarithm is finite.
  return (loadDurationMs / 1000) * beta * -Math.log(1 - random()) >= remainingInSeconds;
}

/** One reader in e^5, about 150, is early at the start of the window; before it, hardly any. */
const WINDOW_IN_DELTAS = 5;

/**
 * How long before its end a near copy of the entry must go, so that the readers of a hot key reach the shared level while
 * it can still be refreshed early; 0 where nothing is early.
 */
export function earlyWindowInSeconds(loadDurationMs: number | undefined, beta: number): number {
  return beta <= 0 || loadDurationMs === undefined ? 0 : (loadDurationMs / 1000) * beta * WINDOW_IN_DELTAS;
}
