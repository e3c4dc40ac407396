import { type CacheOperation, CacheOptionError } from '@cache/core';

/**
 * Passes if a signal is one, or none was given.
 *
 * @throws CacheOptionError
 */
export function validateSignal(signal: AbortSignal | undefined, operation: CacheOperation): void {
  if (signal === undefined) return;
  if (typeof signal?.throwIfAborted === 'function' && typeof signal.addEventListener === 'function') return;
  throw new CacheOptionError('signal is an AbortSignal, such as that of an AbortController.', {
    operation,
    backend: 'stack',
  });
}
