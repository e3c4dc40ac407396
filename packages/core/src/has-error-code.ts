import type {
  CacheClosedError,
  CacheCorruptionError,
  CacheErrorCode,
  CacheKeyError,
  CacheLockHeldError,
  CacheLockLostError,
  CacheOptionError,
  CacheTimeoutError,
  CacheUnavailableError,
  CacheValueError,
} from './cache-error.ts';

/** The class behind each code. */
export interface CacheErrorsByCode {
  readonly ERR_CACHE_KEY: CacheKeyError;
  readonly ERR_CACHE_VALUE: CacheValueError;
  readonly ERR_CACHE_OPTION: CacheOptionError;
  readonly ERR_CACHE_TIMEOUT: CacheTimeoutError;
  readonly ERR_CACHE_UNAVAILABLE: CacheUnavailableError;
  readonly ERR_CACHE_CORRUPTION: CacheCorruptionError;
  readonly ERR_CACHE_LOCK_HELD: CacheLockHeldError;
  readonly ERR_CACHE_LOCK_LOST: CacheLockLostError;
  readonly ERR_CACHE_CLOSED: CacheClosedError;
}

/** True if this is a cache error of that kind, whichever copy of the package made it. */
export function hasErrorCode<C extends CacheErrorCode>(error: unknown, code: C): error is CacheErrorsByCode[C] {
  return typeof error === 'object' && error !== null && (error as { code?: unknown }).code === code;
}
