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
  if (typeof key !== 'string' || key.length > MAX_KEY_LENGTH || !isText(key))
    throw new CacheKeyError(reasonAgainst(key), context);
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
  if (typeof key !== 'string' || !isText(key)) throw new CacheKeyError(reasonAgainst(key), context);
  const transformed = transformer(key);
  validateKey(transformed, context);
  return transformed;
}

/**
 * Passes if keys may begin like this. The empty prefix is that of every key.
 *
 * @throws CacheKeyError for anything but a well-formed string without U+0000 of at most 1,024 UTF-16 units
 */
export function validateKeyPrefix(prefix: string, context?: CacheErrorContext): void {
  if (prefix === '' || (typeof prefix === 'string' && prefix.length <= MAX_KEY_LENGTH && isText(prefix))) return;
  throw new CacheKeyError(
    `A prefix of keys is a string of at most ${MAX_KEY_LENGTH} UTF-16 units, without U+0000 and lone surrogates.`,
    context,
  );
}

/** Two lone surrogates become the same bytes in UTF-8: one key would read the other's value. */
function isText(key: string): boolean {
  return key !== '' && key.isWellFormed() && key.indexOf('\0') === -1;
}

function reasonAgainst(key: unknown): string {
  if (typeof key !== 'string') return `A key is a string; got ${key === null ? 'null' : typeof key}.`;
  if (key === '') return 'A key is not empty.';
  if (key.includes('\0')) return 'A key has no U+0000.';
  if (!key.isWellFormed()) return 'A key has no lone surrogate.';
  return `A key has at most ${MAX_KEY_LENGTH} UTF-16 units; got ${key.length}. Hash long keys: sha256Keys().`;
}
