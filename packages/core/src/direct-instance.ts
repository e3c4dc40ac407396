/**
 * True if `value` was made by `type` itself and not by a class that extends it. Also for a value of another realm, as
 * test runners and `node:vm` have them: there the names of the constructors decide, all the way up.
 */
export function isDirectInstance(value: object, type: { readonly prototype: unknown }): boolean {
  let theirs: unknown = Object.getPrototypeOf(value);
  let ours: unknown = type.prototype;
  if (theirs === ours) return true;
  while (isObject(theirs) && isObject(ours)) {
    if (constructorName(theirs) !== constructorName(ours)) return false;
    theirs = Object.getPrototypeOf(theirs);
    ours = Object.getPrototypeOf(ours);
  }
  return theirs === ours;
}

/** True for what a literal, `JSON.parse` or `Object.create(null)` makes: data under names, and no class. */
export function isPlainObject(value: object): value is Record<string, unknown> {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype || isDirectInstance(value, Object);
}

/** What a value is called in a message: the name of its class, if it has one. */
export function classNameOf(value: object): string {
  const prototype: unknown = Object.getPrototypeOf(value);
  const name = isObject(prototype) ? constructorName(prototype) : undefined;
  return typeof name === 'string' && /^[A-Za-z_$][\w$]{0,63}$/.test(name) ? name : 'a class';
}

function constructorName(prototype: object): unknown {
  const made: unknown = Object.getOwnPropertyDescriptor(prototype, 'constructor')?.value;
  return typeof made === 'function' ? made.name : undefined;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
