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
