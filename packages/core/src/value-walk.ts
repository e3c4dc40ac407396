import { CacheValueError } from './cache-error.ts';
import { classNameOf, isPlainObject } from './direct-instance.ts';
import { MAX_VALUE_DEPTH, MAX_VALUE_OBJECTS } from './unserializable.ts';
import { pathStep, quotedPath } from './value-path.ts';

/** Is given each value of a walk, and gives what is to be written instead: often the value itself. */
export type ValueVisitor = (value: unknown, walk: ValueWalk) => unknown;

/**
 * Walks a value on its way into a serializer, so that what would not come back exactly is refused with its path
 * (`$.a[2].b`). The visitor meets every value, and goes on into what it holds by `elements`, `properties` and `entries`.
 *
 * What is walked is never changed: where the visitor replaces a member, what holds the member is copied. Nesting beyond
 * `MAX_VALUE_DEPTH`, and so a cycle, is refused, and so are more than two million objects, counted as often as they are
 * met: what refers to the same object along many paths grows exponentially when it is written out.
 */
export class ValueWalk {
  readonly #format: string;
  readonly #visit: ValueVisitor;
  readonly #steps: (string | number)[] = [];
  #depth = 0;
  #nodes = 0;
  #refusal: CacheValueError | undefined;

  /** @param format what the value is to become, for messages: `MessagePack` */
  constructor(format: string, visit: ValueVisitor) {
    this.#format = format;
    this.#visit = visit;
  }

  /**
   * What the visitor makes of a value. A walk serves one value.
   *
   * @throws CacheValueError for what is refused, and for what throws when it is read
   */
  start(value: unknown): unknown {
    try {
      return this.#visit(value, this);
    } catch (error) {
      if (error === this.#refusal) throw error;
      // The message of what threw may quote the value.
      return this.refuse('reading it throws');
    }
  }

  /** @throws CacheValueError with the path of the value that is being visited */
  refuse(reason: string): never {
    const path = this.#steps.slice(0, this.#depth).reduce<string>((text, step) => text + pathStep(step), '$');
    this.#refusal = new CacheValueError(
      `Not exactly representable as ${this.#format} at ${quotedPath(path)}: ${reason}.`,
      { path },
    );
    throw this.#refusal;
  }

  /** @throws CacheValueError that names the class of a value which no serializer can give back by itself */
  refuseInstance(value: object): never {
    this.refuse(`an instance of ${classNameOf(value)} would not come back as one: store its data`);
  }

  /**
   * For a Date, a Map or another object of the language, before it is read: what was added to one would be lost, and could
   * answer in its stead (`Symbol.iterator`).
   *
   * @param ownProperties how many such an object has from the beginning: a RegExp has one
   * @throws CacheValueError for any more
   */
  refuseAdditions(value: object, ownProperties = 0): void {
    if (Reflect.ownKeys(value).length > ownProperties) this.refuse('properties that were added to it would be lost');
  }

  /**
   * An array whose members are as the visitor wants them written: the same one where it replaced none.
   *
   * @throws CacheValueError for holes and for properties beside the elements
   */
  elements(array: readonly unknown[]): readonly unknown[] {
    if (Object.keys(array).length !== array.length) this.refuse('an array with holes or with properties of its own');
    if (Object.getOwnPropertySymbols(array).length > 0) this.refuse('a property whose key is a symbol would be lost');
    this.#enter();
    let copy: unknown[] | undefined;
    for (let index = 0; index < array.length; index += 1) {
      const member = array[index];
      this.#steps[this.#depth - 1] = index;
      // A hole and a property make up for each other in the count above.
      if (member === undefined && !Object.hasOwn(array, index)) this.refuse('a hole in an array');
      const written = this.#visit(member, this);
      if (written !== member) copy ??= Array.prototype.slice.call(array, 0, index);
      copy?.push(written);
    }
    this.#depth -= 1;
    return copy ?? array;
  }

  /**
   * A plain object whose members are as the visitor wants them written: the same one where it replaced none.
   *
   * @throws CacheValueError for an instance of a class, and for what copies of it would lose: keys that are symbols,
   * properties that are not enumerable, getters
   */
  properties(object: object): Readonly<Record<string, unknown>> {
    if (!isPlainObject(object)) return this.refuseInstance(object);
    const names = Object.keys(object);
    if (Object.getOwnPropertyNames(object).length !== names.length)
      this.refuse('a property that is not enumerable would be lost');
    if (Object.getOwnPropertySymbols(object).length > 0) this.refuse('a property whose key is a symbol would be lost');
    this.#enter();
    let copy: Record<string, unknown> | undefined;
    for (const name of names) {
      this.#steps[this.#depth - 1] = name;
      const property = Object.getOwnPropertyDescriptor(object, name);
      if (property === undefined || property.get !== undefined || property.set !== undefined)
        this.refuse('a getter would come back as the value it gives');
      const written = this.#visit(property.value, this);
      if (written !== property.value) {
        copy ??= { ...object };
        copy[name] = written;
      }
    }
    this.#depth -= 1;
    return copy ?? object;
  }

  /** The keys and values of a Map by turns, as the visitor wants them written. The path of either is the entry's place. */
  entries(map: ReadonlyMap<unknown, unknown>): unknown[] {
    this.#enter();
    const written: unknown[] = [];
    for (const [key, value] of map) {
      this.#steps[this.#depth - 1] = written.length / 2;
      written.push(this.#visit(key, this), this.#visit(value, this));
    }
    this.#depth -= 1;
    return written;
  }

  #enter(): void {
    // A cycle ends here too: the walk goes down before it goes sideways.
    if (this.#depth >= MAX_VALUE_DEPTH) this.refuse(`nested more than ${MAX_VALUE_DEPTH} deep, or in a cycle`);
    this.#nodes += 1;
    if (this.#nodes > MAX_VALUE_OBJECTS) this.refuse(`more than ${MAX_VALUE_OBJECTS} objects`);
    this.#depth += 1;
  }
}
