import { CacheValueError, type CacheValueErrorContext } from './cache-error.ts';

/**
 * Passes if the value is not `null` or `undefined`.
 *
 * @throws CacheValueError
 */
export function validateValue(value: unknown, context?: CacheValueErrorContext): void {
  if (value !== null && value !== undefined) return;
  throw new CacheValueError(`${value === null ? 'null' : 'undefined'} is no value: remove the item instead.`, context);
}
