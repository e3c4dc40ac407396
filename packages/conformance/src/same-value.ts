/**
 * True if both are the same value all the way down, prototypes compared by kind and not by identity: test runners give
 * each file globals of its own, and a Map from outside is still a Map.
 */
export function sameValue(left: unknown, right: unknown): boolean {
  return compare(left, right, new Set());
}

/** @param outer the objects that `left` lies in: meeting one again is a cycle, which has been compared */
function compare(left: unknown, right: unknown, outer: ReadonlySet<object>): boolean {
  if (Object.is(left, right)) return true;
  if (typeof left !== 'object' || typeof right !== 'object' || left === null || right === null) return false;
  const kind = kindOf(left);
  if (kind !== kindOf(right)) return false;
  return outer.has(left) || compareObjects(kind, left, right, new Set(outer).add(left));
}

function compareObjects(kind: string, left: object, right: object, outer: ReadonlySet<object>): boolean {
  switch (kind) {
    case 'Date':
      return Object.is(Number(left), Number(right));
    case 'RegExp':
      return String(left) === String(right);
    case 'Error':
      return sameError(left as Error, right as Error, outer);
    case 'Map':
      return sameList([...(left as Map<unknown, unknown>)], [...(right as Map<unknown, unknown>)], outer);
    case 'Set':
      return sameList([...(left as Set<unknown>)], [...(right as Set<unknown>)], outer);
    case 'Array':
      return sameList(left as unknown[], right as unknown[], outer);
    default:
      return sameProperties(left as Properties, right as Properties, outer);
  }
}

type Properties = Readonly<Record<string, unknown>>;

function kindOf(value: object): string {
  return Object.prototype.toString.call(value).slice(8, -1);
}

function sameList(left: readonly unknown[], right: readonly unknown[], outer: ReadonlySet<object>): boolean {
  return left.length === right.length && left.every((member, index) => compare(member, right[index], outer));
}

/** All but the stacks, which are of where they were made. */
function sameError(left: Error, right: Error, outer: ReadonlySet<object>): boolean {
  return (
    left.constructor.name === right.constructor.name &&
    String(left) === String(right) &&
    compare(left.cause, right.cause, outer) &&
    sameProperties(left as unknown as Properties, right as unknown as Properties, outer)
  );
}

function sameProperties(left: Properties, right: Properties, outer: ReadonlySet<object>): boolean {
  const names = Object.keys(left);
  return (
    names.length === Object.keys(right).length &&
    names.every((name) => Object.hasOwn(right, name) && compare(left[name], right[name], outer))
  );
}
