/**
 * What JSON has no value for stands in an object with one property, whose name is this prefix and the kind:
 * `{"$rich:Date":"2026-11-22T12:00:00.000Z"}`. The prefix is reserved as a whole, so that a kind of a later version is not
 * taken for data by an earlier one.
 */
const PREFIX = '$rich:';

/** The name of a tag, or of an object that looks like one, with a `$` for each time it was escaped. */
const LIKE_A_TAG = /^\$+rich:/;

/** What stands for a value of this kind. */
export function tagged(kind: string, content: unknown): Readonly<Record<string, unknown>> {
  return { [PREFIX + kind]: content };
}

/** An object of the application, with one more `$` before its only name if it could be taken for a tag. */
export function escaped(object: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const names = Object.keys(object);
  const [name] = names;
  return names.length === 1 && name !== undefined && LIKE_A_TAG.test(name) ? { [`$${name}`]: object[name] } : object;
}

/** What an object with these names is: a tag of a kind, an object whose own name was escaped, or neither. */
export function untagged(names: readonly string[]): { kind: string } | { name: string } | undefined {
  const [name] = names;
  if (names.length !== 1 || name === undefined || !LIKE_A_TAG.test(name)) return undefined;
  return name.startsWith(PREFIX) ? { kind: name.slice(PREFIX.length) } : { name: name.slice(1) };
}

/** False only for a text without any tag. An escape (`\u0024`) may hide one. */
export function mayHoldTags(text: string): boolean {
  return text.includes(PREFIX) || text.includes('\\u');
}
