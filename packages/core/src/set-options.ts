import { type CacheErrorContext, CacheOptionError } from './cache-error.ts';
import { type Expiration, validateExpiration } from './expiration.ts';
import { validateTags } from './tags.ts';

/** How an item is stored, where a bare lifetime says too little. */
export interface SetOptions {
  /**
   * The item's lifetime in seconds, or `null` for never.
   * @default the cache's own default, 300 unless configured
   */
  readonly expirationInSeconds?: Expiration;
  /**
   * Names under which `invalidateTags` removes the item together with others.
   * @default none
   */
  readonly tags?: readonly string[];
}

/**
 * The lifetime asked for by the last argument of `set`, or the default.
 *
 * @throws CacheOptionError for a lifetime that is not finite and positive
 */
export function expirationOf(
  options: Expiration | SetOptions | undefined,
  defaultExpiration: Expiration,
  context?: CacheErrorContext,
): Expiration {
  if (options === undefined) return defaultExpiration;
  if (options === null || typeof options === 'number') return validateExpiration(options, context);
  if (typeof options !== 'object') {
    throw new CacheOptionError(
      `Expected a lifetime in seconds, null or an options object; got ${typeof options}.`,
      context,
    );
  }
  const { expirationInSeconds } = options;
  return expirationInSeconds === undefined ? defaultExpiration : validateExpiration(expirationInSeconds, context);
}

/**
 * The tags asked for by the last argument of `set`, each once; empty when there are none.
 *
 * @throws CacheOptionError for a tag that is none, or more of them than an item may carry
 */
export function tagsOf(options: Expiration | SetOptions | undefined, context?: CacheErrorContext): readonly string[] {
  if (typeof options !== 'object' || options === null || options.tags === undefined) return NO_TAGS;
  return validateTags(options.tags, context);
}

const NO_TAGS: readonly string[] = Object.freeze([]);
