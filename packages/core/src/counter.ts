import { CacheValueError, type CacheValueErrorContext } from './cache-error.ts';

/**
 * Passes if a counter may be changed by this amount.
 *
 * @throws CacheValueError for anything but a safe integer
 */
export function validateCounterAmount(amount: number, context?: CacheValueErrorContext): void {
  if (Number.isSafeInteger(amount)) return;
  throw new CacheValueError('A counter changes by a whole number within ±(2^53 − 1).', context);
}

/**
 * The error for a counter that cannot be changed: it holds no integer, or the sum would not be exact.
 */
export function counterError(context?: CacheValueErrorContext): CacheValueError {
  return new CacheValueError(
    'The item is no counter, or the sum would leave ±(2^53 − 1), where whole numbers are exact. Nothing was changed.',
    context,
  );
}
