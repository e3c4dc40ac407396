import { type CacheError, type CacheOperation, CacheUnavailableError, redactedCause } from '@cache/core';

/** Codes that say what the caller did wrong: repeating the call, or going on without the store, would hide it. */
const CALLERS_FAULTS: ReadonlySet<unknown> = new Set([
  'ERR_CACHE_KEY',
  'ERR_CACHE_VALUE',
  'ERR_CACHE_OPTION',
  'ERR_CACHE_CLOSED',
]);

/** Calls that are given keys and nothing else, and the stack has checked those: who refuses one is not set up for it. */
const TAKE_ONLY_KEYS: ReadonlySet<CacheOperation> = new Set<CacheOperation>([
  'get',
  'exists',
  'mget',
  'getEntries',
  'getTtl',
  'inspect',
  'ping',
  'removeItem',
  'removeItems',
  'expireItem',
]);

/** True if the shared level refused the call for what the caller asked, rather than failed. */
export function isCallersFault(error: unknown, operation: CacheOperation): boolean {
  return isLasting(error) && !isMisconfiguration(error, operation);
}

/** True if the same call would be refused again, however long one waits. */
export function isLasting(error: unknown): boolean {
  return CALLERS_FAULTS.has(codeOf(error));
}

/**
 * True if the shared level is not set up for the call: refused credentials, a missing right or table. It has failed then, as in an
 * outage: somebody may mend it, and until then it holds what it was not told to remove.
 *
 * A `CacheOptionError` with a cause is what a server or its driver said. One without may be about the arguments of the call,
 * unless those are keys alone.
 */
export function isMisconfiguration(error: unknown, operation: CacheOperation): boolean {
  if (codeOf(error) !== 'ERR_CACHE_OPTION') return false;
  return TAKE_ONLY_KEYS.has(operation) || (error as { cause?: unknown }).cause !== undefined;
}

/** True if the shared level takes a key for none: nothing was or can be stored under it. */
export function isNoKey(error: unknown): boolean {
  return codeOf(error) === 'ERR_CACHE_KEY';
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

/** What a program's own mistakes are called: a cache that throws one answered. */
const MISTAKES: ReadonlySet<unknown> = new Set([
  'TypeError',
  'RangeError',
  'ReferenceError',
  'SyntaxError',
  'EvalError',
  'URIError',
  'AbortError',
]);

/** True if nobody answered, or who did is in no state to: what a circuit breaker counts. */
export function isOutage(error: unknown, operation: CacheOperation): boolean {
  if (isMisconfiguration(error, operation)) return true;
  const code = codeOf(error);
  if (code === 'ERR_CACHE_TIMEOUT' || code === 'ERR_CACHE_UNAVAILABLE') return true;
  return !isCacheError(error) && !(typeof error === 'object' && error !== null && MISTAKES.has(nameOf(error)));
}

/** True if nothing at all was heard. */
export function isSilence(error: unknown): boolean {
  return codeOf(error) === 'ERR_CACHE_TIMEOUT';
}

/** True if it is known that the write was not carried out. */
export function isRefusal(error: unknown): boolean {
  const code = codeOf(error);
  if (code === 'ERR_CACHE_OPTION') return true;
  return code === 'ERR_CACHE_UNAVAILABLE' && (error as { ambiguous?: unknown }).ambiguous === false;
}

/** True if the write is kept, and carried out before the shared level is read again. */
export function isQueued(error: unknown): boolean {
  return codeOf(error) === 'ERR_CACHE_UNAVAILABLE' && (error as { queued?: unknown }).queued === true;
}

function nameOf(error: object): unknown {
  return (error as { name?: unknown }).name;
}

function codeOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null ? (error as { code?: unknown }).code : undefined;
}
