/** True for where a match can begin. Anything can be assigned to the `lastIndex` of a RegExp. */
export function isPlace(lastIndex: unknown): lastIndex is number {
  return Number.isSafeInteger(lastIndex) && !Object.is(lastIndex, -0) && (lastIndex as number) >= 0;
}
