import { entryListOf, validateKeyList } from '@cache/core';
import { describe, expect, test } from '@jest/globals';

const context = { operation: 'mset', backend: 'test' };
const refusal = (message: string) =>
  expect.objectContaining({ ...context, code: 'ERR_CACHE_OPTION', message: expect.stringContaining(message) });

describe('validateKeyList', () => {
  test('takes an array of any length', () => {
    for (const keys of [[], ['a'], ['a', 'a']]) expect(() => validateKeyList(keys, context)).not.toThrow();
  });

  test.each([
    ['abc', 'got string'],
    [5, 'got number'],
    [null, 'got null'],
    [undefined, 'got undefined'],
    [new Set(['a']), 'got object'],
  ])('refuses %p in place of an array', (keys, message) => {
    expect(() => validateKeyList(keys as never, context)).toThrow(refusal(message));
  });
});

describe('entryListOf', () => {
  test('takes an array, a Map and an iterator, which it reads once', () => {
    const pairs = [
      ['a', 1],
      ['b', 2],
    ] as const;
    for (const entries of [pairs, new Map(pairs), new Map(pairs).entries(), Object.entries({ a: 1, b: 2 })])
      expect(entryListOf(entries, context)).toEqual(pairs);
    expect(entryListOf(pairs)).not.toBe(pairs);
  });

  test.each([
    [{ a: 1 }, 'Object.entries(object); got object'],
    [5, 'got number'],
    [null, 'got null'],
    [undefined, 'got undefined'],
    [[{ key: 'a', value: 1 }], 'a pair [key, value]; got object'],
    ['ab', 'a pair [key, value]; got string'],
    [[['a', 1], null], 'a pair [key, value]; got null'],
    [[undefined], 'a pair [key, value]; got undefined'],
  ])('refuses %p in place of pairs', (entries, message) => {
    expect(() => entryListOf(entries as never, context)).toThrow(refusal(message));
  });
});
