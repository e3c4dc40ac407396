import { type CacheError, type CacheOperation, CacheUnavailableError, redactedCause } from '@cache/core';

/** Codes that say what the caller did wrong: repeating the call, or going on without the store, would hide it. */
const CALLERS_FAULTS: ReadonlySet<unknown> = new Set([
  'ERR_CACHE_KEY',
  'ERR_CACHE_VALUE',
  'ERR_CACHE_OPTION',
  'ERR_CACHE_CLOSED',
]);

/** True if the shared level refused the call rather than failed. */
export function isCallersFault(error: unknown): boolean {
  return CALLERS_FAULTS.has(codeOf(error));
}

/** True for an error of these packages, whichever copy made it. */
export function isCacheError(error: unknown): error is CacheError {
  const code = codeOf(error);
  return typeof code === 'string' && code.startsWith('ERR_CACHE_');
}

/** The error itself if it is one of ours; a third party's is reported as an outage, without what it may quote. */
export function asCacheError(error: unknown, operation: CacheOperation): CacheError {
  if (isCacheError(error)) return error;
  return new CacheUnavailableError('The shared cache failed.', {
    operation,
    backend: 'stack',
    cause: redactedCause(error),
  });
}

function codeOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null ? (error as { code?: unknown }).code : undefined;
}
