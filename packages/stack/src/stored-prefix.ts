import { type CacheErrorContext, CacheOptionError, type KeyTransformer, MAX_KEY_LENGTH } from '@cache/core';

/**
 * What the stored keys begin with that are made of keys beginning with `prefix`.
 *
 * @throws CacheOptionError for a transformer that hides how a key begins, such as a hash: too little would be cleared
 */
export function storedPrefix(
  prefix: string,
  transformer: KeyTransformer | undefined,
  context: CacheErrorContext,
): string {
  if (transformer === undefined) return prefix;
  const stored = transformer(prefix);
  // A transformer may treat long keys in another way than short ones.
  const longest = prefix.padEnd(MAX_KEY_LENGTH, 'x');
  if ([`${prefix}x`, longest].every((key) => transformer(key).startsWith(stored))) return stored;
  throw new CacheOptionError('This keyTransformer hides how keys begin, so they cannot be cleared by prefix.', context);
}
