import { CacheCorruptionError, CacheValueError } from './cache-error.ts';
import { surveyForJson, type Unserializable } from './unserializable.ts';
import { pathStep, quotedPath } from './value-path.ts';

/** How strict a JSON serializer is. */
export interface JsonSerializerOptions {
  /**
   * `'refuse'`: what JSON would silently turn into something else (a Date, a Map, NaN …) is a `CacheValueError`.
   * `'allow'`: whatever `JSON.stringify` makes of it is stored.
   * @default 'refuse'
   */
  readonly lossy?: 'refuse' | 'allow';
}

/** A `JsonSerializer` whose answers are at hand at once. */
export interface SyncJsonSerializer {
  readonly format: 'json';
  /** @throws CacheValueError */
  serialize(value: unknown): string;
  /** @throws CacheCorruptionError */
  deserialize(payload: string): unknown;
}

/**
 * JSON that gives back what it was given, or refuses with the path that is at fault (`$.a[2].b`).
 *
 * As everyone expects of JSON, properties that are `undefined` are dropped and class instances become their data.
 * Refused is what would silently change its type: Date, URL and others whose `toJSON` gives a string, Map, Set,
 * bytes, BigInt, NaN, ±Infinity, `undefined` in an array, functions, symbols, and nesting beyond 200.
 *
 * A number beyond 1.8e308, which only another program can have written, is read as ±Infinity, as `JSON.parse` has it: to
 * look for one takes a tenth of the time that reading takes.
 */
export function jsonSerializer({ lossy = 'refuse' }: JsonSerializerOptions = {}): SyncJsonSerializer {
  return { format: 'json', serialize: lossy === 'allow' ? stringify : stringifyExactly, deserialize: parse };
}

function stringifyExactly(value: unknown): string {
  const { unserializable, hasNegativeZero } = survey(value);
  if (unserializable !== undefined) throw refusal(unserializable);
  const text = stringify(value);
  return hasNegativeZero ? withNegativeZeros(value, text) : text;
}

function survey(value: unknown): ReturnType<typeof surveyForJson> {
  try {
    return surveyForJson(value);
  } catch {
    throw new CacheValueError('The value cannot be written as JSON: reading it throws.', { path: '$' });
  }
}

function stringify(value: unknown): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch {
    throw new CacheValueError('The value cannot be written as JSON: it holds a cycle, a BigInt or a throwing toJSON.', {
      path: '$',
    });
  }
  if (text === undefined)
    throw new CacheValueError('The value has no JSON: it is a function or a symbol.', { path: '$' });
  return text;
}

/** `-0` is JSON and parses as -0, but JSON.stringify writes 0: put it in through a marker that the text lacks. */
function withNegativeZeros(value: unknown, text: string): string {
  let marker = '-0';
  while (text.includes(marker)) marker += '-0';
  const marked = JSON.stringify(value, (_key, member: unknown) => (Object.is(member, -0) ? marker : member));
  return marked.replaceAll(`"${marker}"`, '-0');
}

function parse(payload: string): unknown {
  try {
    return JSON.parse(payload);
  } catch {
    // The parser's own message quotes the payload.
    throw new CacheCorruptionError('What is stored is not JSON.');
  }
}

function refusal({ reason, reversedPath }: Unserializable): CacheValueError {
  const path = reversedPath.reduceRight<string>((text, step) => text + pathStep(step), '$');
  return new CacheValueError(`Not exactly representable as JSON at ${quotedPath(path)}: ${reason}.`, { path });
}
