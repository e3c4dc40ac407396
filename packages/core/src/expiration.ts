import { type CacheErrorContext, CacheOptionError } from './cache-error.ts';

/** A lifetime in seconds (fractions allowed), or `null` for an item that never expires. */
export type Expiration = number | null;

/** The lifetime of an item stored without one: five minutes. */
export const DEFAULT_EXPIRATION_IN_SECONDS = 300;

/**
 * The longest lifetime taken: a hundred years. Beyond it a server's clock arithmetic overflows, and what is meant
 * is `null`.
 */
export const MAX_EXPIRATION_IN_SECONDS = 3_155_760_000;

/**
 * Gives the lifetime back if it is one.
 *
 * @throws CacheOptionError for anything but `null` or a finite number over 0 and up to a hundred years
 */
export function validateExpiration(expiration: Expiration, context?: CacheErrorContext): Expiration {
  if (expiration === null) return null;
  if (typeof expiration === 'number' && expiration > 0 && expiration <= MAX_EXPIRATION_IN_SECONDS) return expiration;
  throw new CacheOptionError(
    `A lifetime is a number of seconds over 0 and up to ${MAX_EXPIRATION_IN_SECONDS}, or null for never; ` +
      `got ${typeof expiration === 'number' ? expiration : typeof expiration}.`,
    context,
  );
}
