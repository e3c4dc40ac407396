/** The first wait is at most about what a short critical section takes. */
const FIRST_DELAY_MS = 20;

/**
 * How long to wait before the next attempt: a random time up to a bound that doubles from 20 ms to `longestMs`. "Full
 * jitter" of M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015: of the schemes compared there,
 * the one with the least work for the server.
 *
 * @param attempt from 0
 * @param random uniform in [0, 1)
 */
export function retryDelayMs(attempt: number, longestMs: number, random: () => number): number {
  return random() * Math.min(longestMs, FIRST_DELAY_MS * 2 ** attempt);
}
