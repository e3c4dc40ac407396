import { AssertionError } from 'node:assert';
import { type CacheErrorCode, type CacheErrorsByCode, hasErrorCode } from '@cache/core';
import { sameValue } from './same-value.ts';

/** Passes if the condition holds. */
export function ensure(condition: boolean, message: string): asserts condition {
  if (!condition) throw new AssertionError({ message });
}

/** Passes if both are the same value all the way down: type, -0 and the absence of properties included. */
export function equal(actual: unknown, expected: unknown, message?: string): void {
  if (sameValue(actual, expected)) return;
  throw new AssertionError({
    actual,
    expected,
    operator: 'deepStrictEqual',
    ...(message === undefined ? {} : { message: `${message}: got ${show(actual)}, expected ${show(expected)}` }),
  });
}

/** Passes if `low ≤ actual ≤ high`. */
export function between(actual: unknown, low: number, high: number, what: string): void {
  const isBetween = typeof actual === 'number' && actual >= low && actual <= high;
  ensure(isBetween, `${what} should be from ${low} to ${high}; got ${show(actual)}`);
}

/** Passes if the call fails with an error of this code, and gives the error. */
export async function refused<C extends CacheErrorCode>(
  call: () => unknown,
  code: C,
  what: string,
): Promise<CacheErrorsByCode[C]> {
  let answer: unknown;
  try {
    answer = await call();
  } catch (error) {
    if (hasErrorCode(error, code)) return error;
    if (error instanceof AssertionError) throw error;
    throw new AssertionError({
      message: `${what} should fail with ${code}; it failed with ${describeError(error)}`,
    });
  }
  throw new AssertionError({ message: `${what} should fail with ${code}; it answered ${show(answer)}` });
}

export function describeError(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : show(error);
}

/** A value in a message, short. */
export function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value);
  if (typeof value === 'object' && value !== null) {
    try {
      const text = JSON.stringify(value) ?? Object.prototype.toString.call(value);
      return text.length > 120 ? `${text.slice(0, 120)}…` : text;
    } catch {
      return Object.prototype.toString.call(value);
    }
  }
  return Object.is(value, -0) ? '-0' : String(value);
}
