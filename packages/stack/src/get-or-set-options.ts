import {
  type CacheErrorContext,
  CacheOptionError,
  type Expiration,
  leaseInSecondsOf,
  type SetOptions,
  staleInSecondsOf,
  validateExpiration,
  validateTags,
} from '@cache/core';

/** What a loader is told, and what it may say about its value. */
export interface LoadContext<V> {
  readonly key: string;
  /** Aborted when the load takes longer than `loadTimeoutMs`, or the cache is closed. */
  readonly signal: AbortSignal;
  /** The expired value that is still kept, if there is one. */
  readonly stale: V | undefined;
  /** Sets the value's lifetime, where only the loaded value tells it. */
  setExpiration(expiration: Expiration): void;
  /** Adds tags that only the loaded value tells. */
  addTags(tags: readonly string[]): void;
  /** Returns the value to the callers without storing it. */
  skip(): void;
}

/** Loads a key's value from its source. `null` or `undefined` says that there is none. */
export type Loader<V> = (context: LoadContext<V>) => Promise<V | null | undefined> | V | null | undefined;

/** How `getOrSet` loads and stores. All may be set for the whole cache in `createCache({ defaults })`. */
export interface LoadOptions extends SetOptions {
  /**
   * Keep the value this many seconds beyond its lifetime, and answer with it while it is loaded anew, or when that fails.
   * @default 0
   */
  readonly staleInSeconds?: number;
  /**
   * With a stale copy at hand, wait this long for the load before answering with the copy. `Infinity`: answer with the
   * copy only if the load fails.
   * @default 0
   */
  readonly softTimeoutMs?: number;
  /**
   * Give a load up after this time: its signal is aborted, its callers get a `CacheTimeoutError`, or the stale copy.
   * @default 30,000
   */
  readonly loadTimeoutMs?: number;
  /**
   * Wait this long for a value that somebody else is loading; then load it without storing it.
   * @default 5,000
   */
  readonly lockTimeoutMs?: number;
  /**
   * How long a crashed loader keeps others from loading. Renewed while a load runs.
   * @default 10
   */
  readonly leaseInSeconds?: number;
  /**
   * Load anew before the end, by chance, the more likely the nearer the end and the longer the load: XFetch's beta. 1 is a
   * good value, 0 is off.
   * @default 0
   */
  readonly earlyExpiration?: number;
  /**
   * Remember for this long that there is no value. Without it nothing is stored when the loader finds none.
   * @default nothing is stored
   */
  readonly absentExpirationInSeconds?: Expiration;
  /**
   * After a failed load this process does not call the loader of that key for this long: callers get the stale copy or the
   * same error. With a stale copy, no process does.
   * @default 1,000
   */
  readonly errorBackoffMs?: number;
  /**
   * Shorten each lifetime by a random share of up to this much, 0 to 1.
   * @default 0
   */
  readonly jitter?: number;
}

/** How one call of `getOrSet` behaves. */
export interface GetOrSetOptions extends LoadOptions {
  /**
   * Aborting it rejects this caller alone, with the signal's reason; the load goes on for the others.
   * @default none
   */
  readonly signal?: AbortSignal;
  /**
   * Load anew, whatever is stored; as after `expireItem`, which others notice too.
   * @default false
   */
  readonly force?: boolean;
}

/** Every option with its value. */
export type ResolvedLoadOptions = {
  readonly [Name in Exclude<keyof LoadOptions, 'expirationInSeconds' | 'absentExpirationInSeconds'>]-?: NonNullable<
    LoadOptions[Name]
  >;
} & { readonly expirationInSeconds: Expiration; readonly absentExpirationInSeconds: Expiration | undefined };

const DEFAULTS: ResolvedLoadOptions = {
  expirationInSeconds: 300,
  tags: [],
  staleInSeconds: 0,
  softTimeoutMs: 0,
  loadTimeoutMs: 30_000,
  lockTimeoutMs: 5_000,
  leaseInSeconds: 10,
  earlyExpiration: 0,
  absentExpirationInSeconds: undefined,
  errorBackoffMs: 1_000,
  jitter: 0,
};

const CONTEXT: CacheErrorContext = { operation: 'getOrSet', backend: 'stack' };

/**
 * The options of one call over those of the cache over the defaults.
 *
 * @throws CacheOptionError for one that is out of range
 */
export function resolveLoadOptions(base: ResolvedLoadOptions | undefined, options: LoadOptions): ResolvedLoadOptions {
  // Name by name, since every read that misses the first level comes by.
  const otherwise = base ?? DEFAULTS;
  const resolved: ResolvedLoadOptions = {
    expirationInSeconds: given(options.expirationInSeconds, otherwise.expirationInSeconds),
    tags: options.tags === undefined ? otherwise.tags : validateTags(options.tags, CONTEXT),
    staleInSeconds: given(options.staleInSeconds, otherwise.staleInSeconds),
    softTimeoutMs: given(options.softTimeoutMs, otherwise.softTimeoutMs),
    loadTimeoutMs: given(options.loadTimeoutMs, otherwise.loadTimeoutMs),
    lockTimeoutMs: given(options.lockTimeoutMs, otherwise.lockTimeoutMs),
    leaseInSeconds: given(options.leaseInSeconds, otherwise.leaseInSeconds),
    earlyExpiration: given(options.earlyExpiration, otherwise.earlyExpiration),
    absentExpirationInSeconds: given(options.absentExpirationInSeconds, otherwise.absentExpirationInSeconds),
    errorBackoffMs: given(options.errorBackoffMs, otherwise.errorBackoffMs),
    jitter: given(options.jitter, otherwise.jitter),
  };
  validateExpiration(resolved.expirationInSeconds, CONTEXT);
  if (resolved.absentExpirationInSeconds !== undefined) validateExpiration(resolved.absentExpirationInSeconds, CONTEXT);
  leaseInSecondsOf(resolved, CONTEXT);
  staleInSecondsOf(resolved, CONTEXT);
  requireAtLeast0('softTimeoutMs', resolved.softTimeoutMs);
  requireAtLeast0('lockTimeoutMs', resolved.lockTimeoutMs);
  requireAtLeast0('errorBackoffMs', resolved.errorBackoffMs);
  requireAtLeast0('earlyExpiration', resolved.earlyExpiration);
  requireAtLeast0('jitter', resolved.jitter);
  if (!(typeof resolved.loadTimeoutMs === 'number' && resolved.loadTimeoutMs > 0)) {
    throw new CacheOptionError('loadTimeoutMs is a number over 0.', CONTEXT);
  }
  if (resolved.jitter > 1) throw new CacheOptionError('jitter is a share from 0 to 1.', CONTEXT);
  if (!Number.isFinite(resolved.errorBackoffMs)) throw new CacheOptionError('errorBackoffMs is finite.', CONTEXT);
  return resolved;
}

/** `null` is a lifetime: only what is not said is taken from elsewhere. */
function given<T>(option: T | undefined, otherwise: T): T {
  return option === undefined ? otherwise : option;
}

function requireAtLeast0(name: keyof LoadOptions, value: number): void {
  if (!(typeof value === 'number' && value >= 0))
    throw new CacheOptionError(`${name} is a number of at least 0.`, CONTEXT);
}

/**
 * The last argument of `getOrSet` as options: a bare lifetime is one of them.
 *
 * @throws CacheOptionError for anything else
 */
export function getOrSetOptionsOf(options: Expiration | GetOrSetOptions | undefined): GetOrSetOptions {
  if (options === undefined) return {};
  if (options === null || typeof options === 'number') return { expirationInSeconds: options };
  if (typeof options === 'object') return options;
  throw new CacheOptionError(
    `Expected a lifetime in seconds, null or an options object; got ${typeof options}.`,
    CONTEXT,
  );
}
