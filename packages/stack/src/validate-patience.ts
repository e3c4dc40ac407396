import { type CacheOperation, CacheOptionError } from '@cache/core';

/**
 * Passes if this is how long one can wait: a number of milliseconds, 0 or more.
 *
 * @throws CacheOptionError that names the option
 */
export function validatePatience(name: string, ms: number, operation: CacheOperation): void {
  if (typeof ms === 'number' && ms >= 0) return;
  throw new CacheOptionError(`${name} is a number of at least 0.`, { operation, backend: 'stack' });
}
