import type { Expiration } from '@cache/core';

/**
 * A lifetime shortened by up to the share `jitter`, so that what was stored together does not expire together. It only
 * ever shortens: nothing is served longer than was asked for.
 *
 * @param jitter 0 to 1
 * @param random uniform in [0, 1)
 */
export function withJitter(expiration: Expiration, jitter: number, random: () => number): Expiration {
  return expiration === null || jitter === 0 ? expiration : expiration * (1 - jitter * random());
}
