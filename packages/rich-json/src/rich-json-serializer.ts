import { CacheCorruptionError, CacheOptionError, type SyncJsonSerializer } from '@cache/core';
import { readRichJson } from './read-rich-json.ts';
import { RichJsonWriter } from './rich-json-writer.ts';

/** What is kept of errors. */
export interface RichJsonSerializerOptions {
  /**
   * `'omit'`: an error comes back with its class, message, cause and properties, and a stack that says only what it is.
   * `'keep'`: its stack is stored too, with the paths of files that stand in it.
   * @default 'omit'
   */
  readonly errorStack?: 'omit' | 'keep';
}

/**
 * JSON that keeps what JSON has no value for, or refuses with the path that is at fault (`$.a[2].b`).
 *
 * Plain values are plain JSON, which other programs and SQL can read, and whatever `jsonSerializer` wrote is read as it
 * was. Kept beside them: NaN, ±Infinity, -0, BigInt, `undefined`, Date, Map, Set, URL, RegExp, Error and its built-in
 * kinds, ArrayBuffer, DataView, Buffer and typed arrays, each as an object with one property such as `$rich:Date`.
 * Refused: instances of other classes, functions, symbols, holes, getters, cycles.
 *
 * @throws CacheOptionError
 */
export function richJsonSerializer({ errorStack = 'omit' }: RichJsonSerializerOptions = {}): SyncJsonSerializer {
  if (errorStack !== 'omit' && errorStack !== 'keep') throw new CacheOptionError("errorStack is 'omit' or 'keep'.");
  const writer = new RichJsonWriter(errorStack);
  return {
    format: 'json',
    serialize: (value) => writer.write(value),
    deserialize: (payload) => {
      try {
        return readRichJson(payload);
      } catch {
        // What was thrown may quote what is stored.
        throw new CacheCorruptionError('What is stored is not JSON as @cache/rich-json writes it.');
      }
    },
  };
}
