import { isCacheItemValid } from '@cache/core';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';

test('an item lives until just before it expires', () => {
  const item = { value: 1, expiresAt: 1000.5 };
  expect(isCacheItemValid(item, 1000.499)).toBe(true);
  expect(isCacheItemValid(item, 1000.5)).toBe(false);
  expect(isCacheItemValid(item, 1001)).toBe(false);
});

test('an item without an end lives always, and no item never', () => {
  expect(isCacheItemValid({ value: 1, expiresAt: null }, Number.MAX_VALUE)).toBe(true);
  expect(isCacheItemValid(undefined, 0)).toBe(false);
});

test('the clock of this computer is asked when no time is given', () => {
  const now = Date.now() / 1000;
  expect(isCacheItemValid({ value: 1, expiresAt: now + 60 })).toBe(true);
  expect(isCacheItemValid({ value: 1, expiresAt: now - 60 })).toBe(false);
});

test('once invalid, an item stays invalid', () => {
  fc.assert(
    fc.property(
      fc.double({ noNaN: true }),
      fc.double({ noNaN: true }),
      fc.double({ noNaN: true }),
      (expiresAt, a, b) => {
        const [earlier, later] = a < b ? [a, b] : [b, a];
        const item = { value: 1, expiresAt };
        expect(isCacheItemValid(item, later) && !isCacheItemValid(item, earlier)).toBe(false);
      },
    ),
  );
});
