import { DEFAULT_LEASE_IN_SECONDS, leaseInSecondsOf, loadDurationMsOf, staleInSecondsOf } from '@cache/core';
import { expect, test } from '@jest/globals';

const context = { operation: 'getOrLease', backend: 'test' };
const refusal = expect.objectContaining({ ...context, code: 'ERR_CACHE_OPTION' });
const NO_TIMES = [-1, Number.NaN, Infinity, '5', null, true, 2 ** 53] as number[];

test('a lease lasts 10 seconds unless told otherwise', () => {
  expect(leaseInSecondsOf(undefined)).toBe(DEFAULT_LEASE_IN_SECONDS);
  expect(leaseInSecondsOf({})).toBe(10);
  expect(leaseInSecondsOf({ leaseInSeconds: 0.5 })).toBe(0.5);
});

test.each([0, ...NO_TIMES])('a lease does not last %p seconds', (leaseInSeconds) => {
  expect(() => leaseInSecondsOf({ leaseInSeconds }, context)).toThrow(refusal);
});

test('a stale window is what was asked for, 0 included, or not known', () => {
  expect(staleInSecondsOf(undefined)).toBeUndefined();
  expect(staleInSecondsOf({})).toBeUndefined();
  expect(staleInSecondsOf({ staleInSeconds: 0 })).toBe(0);
  expect(staleInSecondsOf({ staleInSeconds: 60.5 })).toBe(60.5);
});

test.each(NO_TIMES)('a stale window is not %p seconds', (staleInSeconds) => {
  expect(() => staleInSecondsOf({ staleInSeconds }, context)).toThrow(refusal);
});

test('the duration of a load is what was told, or not known', () => {
  expect(loadDurationMsOf(undefined)).toBeUndefined();
  expect(loadDurationMsOf({})).toBeUndefined();
  expect(loadDurationMsOf({ loadDurationMs: 0 })).toBe(0);
  expect(loadDurationMsOf({ loadDurationMs: 2 ** 60 })).toBe(2 ** 60);
});

test.each([-1, Number.NaN, Infinity, '5', null] as number[])('a load does not take %p ms', (loadDurationMs) => {
  expect(() => loadDurationMsOf({ loadDurationMs }, context)).toThrow(refusal);
});
