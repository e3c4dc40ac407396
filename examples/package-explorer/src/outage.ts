import { type CacheClosedError, type CacheTimeoutError, type CacheUnavailableError, hasErrorCode } from '@cache/core';

/** True if the cache is out of service, rather than asked for something it cannot do. */
export function isOutage(error: unknown): error is CacheTimeoutError | CacheUnavailableError | CacheClosedError {
  return (
    hasErrorCode(error, 'ERR_CACHE_TIMEOUT') ||
    hasErrorCode(error, 'ERR_CACHE_UNAVAILABLE') ||
    hasErrorCode(error, 'ERR_CACHE_CLOSED')
  );
}
