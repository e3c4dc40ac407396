import { type CacheErrorContext, CacheKeyError } from './cache-error.ts';
import type { KeyTransformer } from './key-transformer.ts';

/** How long a key may be, in UTF-16 units. */
export const MAX_KEY_LENGTH = 1024;

/**
 * Passes if the key is one.
 *
 * @throws CacheKeyError for anything but a non-empty, well-formed string without U+0000 of at most 1,024 UTF-16 units
 */
export function validateKey(key: string, context?: CacheErrorContext): void {
  validateKeyType(key, context);
  if (key.length > MAX_KEY_LENGTH) {
    throw new CacheKeyError(
      `A key has at most ${MAX_KEY_LENGTH} UTF-16 units; got ${key.length}. Hash long keys: sha256Keys().`,
      context,
    );
  }
  validateKeyText(key, context);
}

/**
 * The key under which an item is stored: checked, transformed, checked again. A transformer may shorten a key that
 * is too long as it is.
 *
 * @throws CacheKeyError for a key that is none, before or after
 */
export function resolveKey(key: string, transformer: KeyTransformer | undefined, context?: CacheErrorContext): string {
  if (transformer === undefined) {
    validateKey(key, context);
    return key;
  }
  validateKeyType(key, context);
  validateKeyText(key, context);
  const transformed = transformer(key);
  validateKey(transformed, context);
  return transformed;
}

function validateKeyType(key: unknown, context: CacheErrorContext | undefined): void {
  if (typeof key === 'string') return;
  throw new CacheKeyError(`A key is a string; got ${key === null ? 'null' : typeof key}.`, context);
}

function validateKeyText(key: string, context: CacheErrorContext | undefined): void {
  if (key === '') throw new CacheKeyError('A key is not empty.', context);
  if (key.includes('\0')) throw new CacheKeyError('A key has no U+0000.', context);
  // Two lone surrogates become the same bytes in UTF-8: one key would read the other's value.
  if (!key.isWellFormed()) throw new CacheKeyError('A key has no lone surrogate.', context);
}
