/** The first poll of a waiter: about one round trip to a server next door, so a short load is noticed at once. */
const FIRST_DELAY_MS = 5;
/** The longest: what a waiter adds to a slow load at most. */
const LONGEST_DELAY_MS = 100;

/**
 * How long a caller without the lease waits before it looks again: doubling from 5 to 100 ms, and of that a random half,
 * so that many waiters do not look at the same moment.
 *
 * @param random uniform in [0, 1)
 */
export function pollDelayMs(attempt: number, random: () => number): number {
  const longest = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** attempt);
  return longest * (0.5 + random() / 2);
}
