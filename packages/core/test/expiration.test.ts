import {
  DEFAULT_EXPIRATION_IN_SECONDS,
  type Expiration,
  expirationOf,
  MAX_EXPIRATION_IN_SECONDS,
  validateExpiration,
} from '@cache/core';
import { describe, expect, test } from '@jest/globals';

const context = { operation: 'set', backend: 'test' };
const refusal = expect.objectContaining({ ...context, code: 'ERR_CACHE_OPTION', name: 'CacheOptionError' });

const BAD = [0, -0, -1, Number.NaN, Infinity, -Infinity, '5', true, 10n, Symbol('5'), () => 5, 2 ** 53] as never[];

test('the default is five minutes', () => {
  expect(DEFAULT_EXPIRATION_IN_SECONDS).toBe(300);
});

describe('validateExpiration', () => {
  test.each([null, 1, 0.001, Number.MIN_VALUE, MAX_EXPIRATION_IN_SECONDS])('gives %p back', (expiration) => {
    expect(validateExpiration(expiration, context)).toBe(expiration);
  });

  test.each([...BAD, MAX_EXPIRATION_IN_SECONDS + 1, undefined as never, {} as never])('refuses %p', (expiration) => {
    expect(() => validateExpiration(expiration, context)).toThrow(refusal);
  });
});

describe('expirationOf', () => {
  test.each<[Expiration | object | undefined, Expiration]>([
    [undefined, 300],
    [{}, 300],
    [{ expirationInSeconds: undefined }, 300],
    [{ tags: ['a'] }, 300],
    [5, 5],
    [null, null],
    [{ expirationInSeconds: 0.5 }, 0.5],
    [{ expirationInSeconds: null }, null],
  ])('finds in %j the lifetime %p', (options, expected) => {
    expect(expirationOf(options as Expiration, 300, context)).toBe(expected);
  });

  test('gives the default as it is, null too', () => {
    expect(expirationOf(undefined, null)).toBeNull();
  });

  test.each(BAD)('refuses %p, bare and in options', (expiration) => {
    expect(() => expirationOf(expiration, 300, context)).toThrow(refusal);
    expect(() => expirationOf({ expirationInSeconds: expiration }, 300, context)).toThrow(refusal);
  });
});
