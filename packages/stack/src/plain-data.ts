/** Deeper than data needs; a cycle ends here too. */
const MAX_DEPTH = 100;

/**
 * True for what every serializer gives back just as it was: strings, booleans, finite numbers, and arrays and plain objects
 * of such. A class instance, a Date, an `undefined` property may come back as something else.
 */
export function isPlainData(value: unknown): boolean {
  try {
    return isPlain(value, 0);
  } catch {
    // Reading it throws.
    return false;
  }
}

function isPlain(value: unknown, depth: number): boolean {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return true;
    case 'number':
      return Number.isFinite(value);
    case 'object':
      return value === null || (depth < MAX_DEPTH && isPlainContainer(value, depth));
    default:
      return false;
  }
}

function isPlainContainer(value: object, depth: number): boolean {
  if (Array.isArray(value)) return !isSparse(value) && value.every((element) => isPlain(element, depth + 1));
  if (Object.getPrototypeOf(value) !== Object.prototype || 'toJSON' in value) return false;
  // Without an array of its members: every value that is kept near comes by.
  for (const name in value) if (!isPlain((value as Record<string, unknown>)[name], depth + 1)) return false;
  return true;
}

/** `every` passes over holes. */
function isSparse(values: readonly unknown[]): boolean {
  return Object.keys(values).length !== values.length;
}
