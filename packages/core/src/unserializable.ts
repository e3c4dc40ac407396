/** Why a value has no exact JSON, and where. */
export interface Unserializable {
  readonly reason: string;
  /** The property names and indices that lead to it, the innermost first. */
  readonly reversedPath: (string | number)[];
}

/** What a walk over a value found. */
export interface JsonSurvey {
  /** The first thing that has no exact JSON, or `undefined`. */
  readonly unserializable: Unserializable | undefined;
  /** True if -0 occurs, which `JSON.stringify` writes as 0. */
  readonly hasNegativeZero: boolean;
}

/** How deep a value may be nested: far below where `JSON.stringify` overflows the stack, far above what data needs. */
export const MAX_VALUE_DEPTH = 200;

/**
 * How many objects a value may hold, counted as often as they are referred to: what refers to the same object along many
 * paths grows exponentially when it is written out.
 */
export const MAX_VALUE_OBJECTS = 2_000_000;

/** Objects whose data lives where JSON does not look, by their `Object.prototype.toString` tag. */
const LOSSY_TAGS: ReadonlyMap<string, string> = new Map([
  ['Date', 'a Date would come back as a string: store date.getTime() or an ISO string'],
  ['Map', 'a Map would come back as {}: store [...map]'],
  ['Set', 'a Set would come back as {}: store [...set]'],
  ['RegExp', 'a RegExp would come back as {}: store its source'],
  ['Error', 'an Error would come back without its message: store what you need of it'],
  ['Promise', 'a Promise is no value: await it first'],
  ['ArrayBuffer', 'bytes would come back as {}: use a binary serializer'],
  ['SharedArrayBuffer', 'bytes would come back as {}: use a binary serializer'],
  ['DataView', 'bytes would come back as {}: use a binary serializer'],
  ['String', 'a String object would come back as a string: store the string'],
  ['Number', 'a Number object would come back as a number: store the number'],
  ['Boolean', 'a Boolean object would come back as a boolean: store the boolean'],
  ['BigInt', 'a BigInt has no JSON: store it as a string'],
  ['Symbol', 'a symbol has no JSON'],
]);

/** Walks a value once, before it is written as JSON, and reports what JSON would change silently. */
export function surveyForJson(value: unknown): JsonSurvey {
  const walk = new JsonWalk();
  const unserializable = walk.visit(value, '', 0);
  return { unserializable, hasNegativeZero: walk.hasNegativeZero };
}

class JsonWalk {
  hasNegativeZero = false;
  #nodes = 0;

  visit(value: unknown, key: string, depth: number): Unserializable | undefined {
    switch (typeof value) {
      case 'string':
      case 'boolean':
        return undefined;
      case 'number':
        if (value === 0) this.hasNegativeZero ||= Object.is(value, -0);
        return Number.isFinite(value) ? undefined : refuse(`${value} would come back as null`);
      case 'object':
        return value === null ? undefined : this.#visitObject(value, key, depth);
      case 'bigint':
        return refuse('a BigInt has no JSON: store it as a string');
      case 'undefined':
        return refuse('undefined would come back as null');
      default:
        return refuse(`a ${typeof value} has no JSON`);
    }
  }

  #visitObject(value: object, key: string, depth: number): Unserializable | undefined {
    // A cycle ends here too: the walk goes down before it goes sideways.
    if (depth >= MAX_VALUE_DEPTH) return refuse(`nested more than ${MAX_VALUE_DEPTH} deep, or in a cycle`);
    this.#nodes += 1;
    if (this.#nodes > MAX_VALUE_OBJECTS) return refuse(`more than ${MAX_VALUE_OBJECTS} objects`);
    if (Array.isArray(value)) return this.#visitArray(value, depth);
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype !== Object.prototype && prototype !== null) {
      const lossy = lossyKind(value);
      if (lossy !== undefined) return refuse(lossy);
    }
    return this.#visitProperties(value as Record<string, unknown>, key, depth);
  }

  #visitArray(values: readonly unknown[], depth: number): Unserializable | undefined {
    for (let index = 0; index < values.length; index += 1) {
      const found = this.visit(values[index], '', depth + 1);
      if (found !== undefined) return below(index, found);
    }
    return undefined;
  }

  #visitProperties(object: Record<string, unknown>, key: string, depth: number): Unserializable | undefined {
    if (typeof object['toJSON'] === 'function') {
      const replacement: unknown = object['toJSON'](key);
      if (typeof replacement === 'string') return refuse('its toJSON gives a string, which would come back as one');
      return replacement === object ? undefined : this.visit(replacement, key, depth + 1);
    }
    // Twice as fast as over Object.keys(): what is read is known to be there, and its place with it.
    let name: string | undefined;
    try {
      for (name in object) {
        if (!hasOwn.call(object, name)) continue;
        const value = object[name];
        // An undefined property is dropped, as everyone expects of JSON.
        if (typeof value === 'string' || typeof value === 'boolean' || value === null || value === undefined) continue;
        const found = this.visit(value, name, depth + 1);
        if (found !== undefined) return below(name, found);
      }
    } catch (error) {
      if (name === undefined) throw error;
      return below(name, refuse('reading it throws'));
    }
    return undefined;
  }
}

const { hasOwnProperty: hasOwn } = Object.prototype;

function lossyKind(value: object): string | undefined {
  if (ArrayBuffer.isView(value)) return 'bytes would come back as a plain object: use a binary serializer';
  const tag = Object.prototype.toString.call(value).slice(8, -1);
  const known = LOSSY_TAGS.get(tag);
  if (known !== undefined || tag === 'Object') return known;
  const hasData = Object.keys(value).length > 0 || 'toJSON' in value;
  return hasData ? undefined : `a ${tag} keeps its data where JSON does not look`;
}

function refuse(reason: string): Unserializable {
  return { reason, reversedPath: [] };
}

function below(step: string | number, found: Unserializable): Unserializable {
  found.reversedPath.push(step);
  return found;
}
