import { type CacheErrorContext, CacheOptionError } from './cache-error.ts';

/**
 * Passes if the keys of a batch come in an array. A string would be read letter by letter, as it has `length` and an iterator too.
 *
 * @throws CacheOptionError for anything else
 */
export function validateKeyList(keys: readonly string[], context?: CacheErrorContext): void {
  if (Array.isArray(keys)) return;
  throw new CacheOptionError(`The keys of a batch are an array of strings; got ${kindOf(keys)}.`, context);
}

/**
 * The entries of `mset` as an array of their own: an iterator can be read once, and its owner may change what it reads.
 *
 * @throws CacheOptionError for what is not iterable, such as a plain object, and for an entry that is no pair
 */
export function entryListOf<V>(
  entries: Iterable<readonly [key: string, value: V]>,
  context?: CacheErrorContext,
): readonly (readonly [key: string, value: V])[] {
  if (typeof (entries as Partial<typeof entries> | null | undefined)?.[Symbol.iterator] !== 'function') {
    throw new CacheOptionError(
      `The entries of mset are pairs of key and value, as in a Map or Object.entries(object); got ${kindOf(entries)}.`,
      context,
    );
  }
  const list = [...entries];
  const stranger = list.findIndex((entry) => !Array.isArray(entry));
  if (stranger === -1) return list;
  throw new CacheOptionError(`An entry of mset is a pair [key, value]; got ${kindOf(list[stranger])}.`, context);
}

function kindOf(value: unknown): string {
  return value === null ? 'null' : typeof value;
}
