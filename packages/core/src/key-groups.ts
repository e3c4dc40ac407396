import { CacheOptionError } from './cache-error.ts';

const DEFAULT_MAX_KEY_GROUPS = 50;

/** What keys count under that are in no group, or in one too many. */
const OTHER = 'other';

/**
 * Puts keys into groups for an exporter's label, never more than a fixed number: every value of a label is a series of its
 * own, and a function that lets an id through would make millions.
 */
export class KeyGroups {
  readonly #keyGroup: ((key: string) => string | undefined) | undefined;
  readonly #maxKeyGroups: number;
  readonly #groups = new Set<string>();
  #hasWarned = false;

  /**
   * @param keyGroup names the group of a key; `undefined` for none. Without it every key is in the group `''`
   * @throws CacheOptionError if it is no function, or `maxKeyGroups` no whole number over 0
   */
  constructor(keyGroup?: (key: string) => string | undefined, maxKeyGroups: number = DEFAULT_MAX_KEY_GROUPS) {
    if (keyGroup !== undefined && typeof keyGroup !== 'function')
      throw new CacheOptionError(`keyGroup is a function; got ${typeof keyGroup}.`);
    if (!Number.isSafeInteger(maxKeyGroups) || maxKeyGroups < 1)
      throw new CacheOptionError('maxKeyGroups is a whole number over 0.');
    this.#keyGroup = keyGroup;
    this.#maxKeyGroups = maxKeyGroups;
  }

  /** The group of a key; `'other'` beyond the first `maxKeyGroups`, and for a key on which `keyGroup` throws. */
  of(key: string): string {
    if (this.#keyGroup === undefined) return '';
    const group = this.#ask(this.#keyGroup, key);
    if (typeof group !== 'string' || group === '') return OTHER;
    if (this.#groups.has(group)) return group;
    if (this.#groups.size >= this.#maxKeyGroups) return OTHER;
    this.#groups.add(group);
    return group;
  }

  /** What throws must not be uncounted. Told once, without the message: it may hold the key. */
  #ask(keyGroup: (key: string) => string | undefined, key: string): string | undefined {
    try {
      return keyGroup(key);
    } catch (error) {
      if (this.#hasWarned) return undefined;
      this.#hasWarned = true;
      const name = error instanceof Error ? error.name : typeof error;
      process.emitWarning(`keyGroup failed with ${name}; such keys count as "${OTHER}".`, {
        code: 'CACHE_KEY_GROUP_FAILED',
      });
      return undefined;
    }
  }
}
