import {
  type CacheErrorContext,
  CacheKeyError,
  CacheOptionError,
  hasErrorCode,
  type KeyTransformer,
  redactedCause,
  resolveKey,
  validateKeyList,
  validateKeyPrefix,
} from '@cache/core';

/** What a prefix is made of: nothing that is special in a pattern, and no U+0000, which separates the bookkeeping. */
const PREFIX_PATTERN = /^[A-Za-z0-9_.:{}-]*$/;

/** What a prefix may be at most, so that it and a key of full length stay far below any limit of Redis. */
const MAX_PREFIX_LENGTH = 256;

/**
 * Which Redis keys belong to a cache: `prefix + key` is an item. `prefix + '\0' + name` is bookkeeping, which no key
 * can equal, since a key has no U+0000; listings and clears leave everything with a U+0000 alone.
 */
export class KeySpace {
  readonly prefix: string;
  /** The hash in which the invalidations of tags are counted. */
  readonly tagsKey: string;
  readonly #transformer: KeyTransformer | undefined;

  /** @throws CacheOptionError for a prefix that is none */
  constructor(prefix: string, transformer: KeyTransformer | undefined) {
    if (typeof prefix !== 'string' || prefix.length > MAX_PREFIX_LENGTH || !PREFIX_PATTERN.test(prefix)) {
      throw new CacheOptionError(
        `prefix is a string of up to ${MAX_PREFIX_LENGTH} of the characters A-Z a-z 0-9 _ . : { } -.`,
        { backend: 'redis' },
      );
    }
    this.prefix = prefix;
    this.tagsKey = `${prefix}\0tags`;
    this.#transformer = transformer;
  }

  /**
   * The Redis key of an item.
   *
   * @throws CacheKeyError
   */
  redisKey(key: string, context: CacheErrorContext): string {
    if (this.#transformer === undefined) return this.prefix + resolveKey(key, undefined, context);
    try {
      return this.prefix + resolveKey(key, this.#transformer, context);
    } catch (error) {
      if (hasErrorCode(error, 'ERR_CACHE_KEY')) throw error;
      throw new CacheKeyError('The key transformer failed.', { ...context, cause: redactedCause(error) });
    }
  }

  /**
   * Likewise for many.
   *
   * @throws CacheOptionError for what is no array, CacheKeyError
   */
  redisKeys(keys: readonly string[], context: CacheErrorContext): string[] {
    validateKeyList(keys, context);
    return keys.map((key) => this.redisKey(key, context));
  }

  /** The key that was stored under this Redis key, or `undefined` if it is not an item of this cache. */
  itemKey(redisKey: string): string | undefined {
    if (!redisKey.startsWith(this.prefix) || redisKey.length === this.prefix.length) return undefined;
    return redisKey.includes('\0') ? undefined : redisKey.slice(this.prefix.length);
  }

  /**
   * The beginning of keys, as it was given.
   *
   * @throws CacheKeyError for what cannot begin a key
   */
  keyPrefix(prefix: string, context: CacheErrorContext): string {
    validateKeyPrefix(prefix, context);
    return prefix;
  }

  /** A pattern for SCAN that every item matches whose key begins like this. */
  pattern(keyPrefix: string): string {
    return `${escapeGlob(this.prefix + keyPrefix)}*`;
  }
}

/** Makes every character stand for itself in a pattern of Redis. */
function escapeGlob(text: string): string {
  return text.replace(/[*?[\]\\^-]/g, '\\$&');
}
