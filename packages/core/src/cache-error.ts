/** The codes to match on: ES module and CommonJS copies of a class differ, its code does not. */
export type CacheErrorCode =
  | 'ERR_CACHE_KEY'
  | 'ERR_CACHE_VALUE'
  | 'ERR_CACHE_OPTION'
  | 'ERR_CACHE_TIMEOUT'
  | 'ERR_CACHE_UNAVAILABLE'
  | 'ERR_CACHE_CORRUPTION'
  | 'ERR_CACHE_LOCK_HELD'
  | 'ERR_CACHE_LOCK_LOST'
  | 'ERR_CACHE_CLOSED';

/** Where an error came from. */
export interface CacheErrorContext {
  /** The call that failed, such as `get`. */
  readonly operation?: string;
  /** The kind of cache it failed in, such as `redis`. */
  readonly backend?: string;
  /** What lies behind it, without values, keys, passwords and URLs: see `redactedCause`. */
  readonly cause?: unknown;
}

/** What every error of these packages is. No message or property of it carries a value, a password or a URL. */
export abstract class CacheError extends Error {
  abstract readonly code: CacheErrorCode;
  readonly operation: string | undefined;
  readonly backend: string | undefined;

  constructor(message: string, context: CacheErrorContext = {}) {
    super(message, context.cause === undefined ? undefined : { cause: context.cause });
    this.operation = context.operation;
    this.backend = context.backend;
  }
}

/** The key is not a non-empty, well-formed string without U+0000 of at most 1,024 UTF-16 units. */
export class CacheKeyError extends CacheError {
  override readonly name: string = 'CacheKeyError';
  readonly code = 'ERR_CACHE_KEY' as const;
}

/** Where in what was given the bad value stands. */
export interface CacheValueErrorContext extends CacheErrorContext {
  /** The key it was to be stored under. */
  readonly key?: string;
  /** The place within the value, such as `$.a[2].b`. */
  readonly path?: string;
}

/** The value cannot be stored and given back exactly. */
export class CacheValueError extends CacheError {
  override readonly name: string = 'CacheValueError';
  readonly code = 'ERR_CACHE_VALUE' as const;
  readonly key: string | undefined;
  readonly path: string | undefined;

  constructor(message: string, context: CacheValueErrorContext = {}) {
    super(message, context);
    this.key = context.key;
    this.path = context.path;
  }
}

/** An option or the configuration is wrong: credentials, table, prefix, lifetime. Repeating the call will not help. */
export class CacheOptionError extends CacheError {
  override readonly name: string = 'CacheOptionError';
  readonly code = 'ERR_CACHE_OPTION' as const;
}

/** What is known of a call that did not succeed. */
export interface CacheOutageContext extends CacheErrorContext {
  /** True if the server may have carried the write out all the same. */
  readonly ambiguous?: boolean;
  /** True if the write is kept and will be carried out before the server is read again. */
  readonly queued?: boolean;
}

/** The server did not answer within the deadline. */
export class CacheTimeoutError extends CacheError {
  override readonly name: string = 'CacheTimeoutError';
  readonly code = 'ERR_CACHE_TIMEOUT' as const;
  /** True if the write may have happened. */
  readonly ambiguous: boolean;
  /** True if the write is kept and will be carried out before the server is read again. */
  readonly queued: boolean;

  constructor(message: string, context: CacheOutageContext = {}) {
    super(message, context);
    this.ambiguous = context.ambiguous ?? false;
    this.queued = context.queued ?? false;
  }
}

/** The server cannot be reached, refuses for now, or too many calls wait for it. */
export class CacheUnavailableError extends CacheError {
  override readonly name: string = 'CacheUnavailableError';
  readonly code = 'ERR_CACHE_UNAVAILABLE' as const;
  /** True if the write may have happened. */
  readonly ambiguous: boolean;
  /** True if the write is kept and will be carried out before the server is read again. */
  readonly queued: boolean;

  constructor(message: string, context: CacheOutageContext = {}) {
    super(message, context);
    this.ambiguous = context.ambiguous ?? false;
    this.queued = context.queued ?? false;
  }
}

/** What is stored is not what this cache writes, or was damaged. */
export class CacheCorruptionError extends CacheError {
  override readonly name: string = 'CacheCorruptionError';
  readonly code = 'ERR_CACHE_CORRUPTION' as const;
}

/** Somebody else holds the lock, and went on holding it for as long as the caller would wait. */
export class CacheLockHeldError extends CacheError {
  override readonly name: string = 'CacheLockHeldError';
  readonly code = 'ERR_CACHE_LOCK_HELD' as const;
}

/** The lock ran out or was taken over while its holder worked. */
export class CacheLockLostError extends CacheError {
  override readonly name: string = 'CacheLockLostError';
  readonly code = 'ERR_CACHE_LOCK_LOST' as const;
}

/** The cache was closed. */
export class CacheClosedError extends CacheError {
  override readonly name: string = 'CacheClosedError';
  readonly code = 'ERR_CACHE_CLOSED' as const;
}
