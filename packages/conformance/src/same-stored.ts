import { AssertionError } from 'node:assert';
import { inspect } from 'node:util';
import { sameValue } from './same-value.ts';

const WHOLE = { depth: null, maxArrayLength: null, maxStringLength: null } as const;

/**
 * True if both are the same value all the way down and print alike: the classes of objects, bytes behind views, the order of
 * members and cycles included. Prototypes are not compared, since a test runner and `node:v8` have globals of their own.
 */
export function sameStored(left: unknown, right: unknown): boolean {
  return sameValue(left, right) && print(left) === print(right);
}

/** A value as Node prints it, all of it. */
export function print(value: unknown): string {
  return inspect(value, WHOLE);
}

/** Passes if both are the same by `sameStored`, or by another measure. */
export function equalStored(
  actual: unknown,
  expected: unknown,
  what: string,
  same: typeof sameValue = sameStored,
): void {
  if (same(actual, expected)) return;
  const [got, wanted] = [print(actual), print(expected)];
  const start = Math.max(0, differenceIn(got, wanted) - BEFORE);
  const [gotThere, wantedThere] = [got, wanted].map((text) => text.slice(start, start + AROUND));
  throw new AssertionError({ message: `${what}: got …${gotThere}…, expected …${wantedThere}…` });
}

const BEFORE = 40;
const AROUND = 160;

/** Where two texts begin to differ. */
function differenceIn(left: string, right: string): number {
  let index = 0;
  while (index < left.length && left[index] === right[index]) index += 1;
  return index;
}
