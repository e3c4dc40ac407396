import { type CacheErrorContext, CacheOptionError } from './cache-error.ts';

/** How many tags one item may carry. */
export const MAX_TAGS_PER_ITEM = 64;

/** How long a tag may be, in UTF-16 units. */
export const MAX_TAG_LENGTH = 256;

/**
 * The tags of one item, each once, in the order given.
 *
 * @throws CacheOptionError for a tag that is none, or over {@link MAX_TAGS_PER_ITEM} of them
 */
export function validateTags(tags: readonly string[], context?: CacheErrorContext): readonly string[] {
  const distinct = validateTagList(tags, context);
  if (distinct.length > MAX_TAGS_PER_ITEM) {
    throw new CacheOptionError(`An item carries at most ${MAX_TAGS_PER_ITEM} tags; got ${distinct.length}.`, context);
  }
  return distinct;
}

/**
 * Any number of tags, each once: what `invalidateTags` takes.
 *
 * @throws CacheOptionError for a tag that is not a non-empty, well-formed string without U+0000 of at most 256 units
 */
export function validateTagList(tags: readonly string[], context?: CacheErrorContext): readonly string[] {
  if (!Array.isArray(tags)) throw new CacheOptionError(`Tags are an array of strings; got ${typeof tags}.`, context);
  for (const tag of tags) {
    if (typeof tag !== 'string' || tag === '' || tag.length > MAX_TAG_LENGTH) {
      throw new CacheOptionError(`A tag is a string of 1 to ${MAX_TAG_LENGTH} UTF-16 units.`, context);
    }
    if (tag.includes('\0') || !tag.isWellFormed()) {
      throw new CacheOptionError('A tag has no U+0000 and no lone surrogate.', context);
    }
  }
  // A copy always: the caller may change the array afterwards, and the item must keep the tags it was stored with.
  return [...new Set<string>(tags)];
}
