import { counterError, validateCounterAmount, validateValue } from '@cache/core';
import { describe, expect, test } from '@jest/globals';

const context = { operation: 'set', backend: 'test', key: 'k' };
const refusal = expect.objectContaining({ ...context, code: 'ERR_CACHE_VALUE' });

describe('validateValue', () => {
  test.each([0, '', false, Number.NaN, [], {}, Symbol('a'), 1n, () => 1])('takes %p', (value) => {
    expect(() => validateValue(value, context)).not.toThrow();
  });

  test.each([null, undefined])('refuses %p and names it', (value) => {
    expect(() => validateValue(value, context)).toThrow(refusal);
    expect(() => validateValue(value)).toThrow(`${value} is no value`);
  });
});

describe('counters', () => {
  test.each([0, -1, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER])('change by %p', (amount) => {
    expect(() => validateCounterAmount(amount)).not.toThrow();
  });

  test.each([1.5, Number.NaN, Infinity, 2 ** 53, '1', 1n, null, undefined] as number[])(
    'do not change by %p',
    (amount) => {
      expect(() => validateCounterAmount(amount, context)).toThrow(refusal);
    },
  );

  test('that cannot be changed have an error that says so', () => {
    expect(counterError(context)).toEqual(refusal);
    expect(counterError().message).toContain('Nothing was changed.');
  });
});
