import { MAX_KEY_LENGTH, prefixKeys, resolveKey, sha256Keys, validateKey, validateKeyPrefix } from '@cache/core';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';

const context = { operation: 'get', backend: 'test' };

describe('validateKey', () => {
  test.each(['a', ' ', '__proto__', 'constructor', 'a\r\nb', '\u0001', '\uffff', '😀', 'x'.repeat(MAX_KEY_LENGTH)])(
    'takes %j',
    (key) => {
      expect(() => validateKey(key, context)).not.toThrow();
    },
  );

  test.each([
    [undefined, 'got undefined'],
    [null, 'got null'],
    [5, 'got number'],
    [{}, 'got object'],
    [Symbol('a'), 'got symbol'],
    [['a'], 'got object'],
    ['', 'not empty'],
    ['a\0b', 'U+0000'],
    ['\ud800', 'lone surrogate'],
    ['a\udc00b', 'lone surrogate'],
    ['x'.repeat(1025), 'got 1025'],
    ['x'.repeat(100_000), 'sha256Keys()'],
  ])('refuses %p and says why', (key, reason) => {
    expect(() => validateKey(key as string, context)).toThrow(
      expect.objectContaining({ ...context, code: 'ERR_CACHE_KEY', message: expect.stringContaining(reason) }),
    );
  });

  test('refuses exactly what is no well-formed text of 1 to 1,024 units without U+0000', () => {
    const anyText = fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)) });
    fc.assert(
      fc.property(anyText, (key) => {
        const isKey = key !== '' && !key.includes('\0') && Buffer.from(key).toString() === key;
        if (isKey) expect(() => validateKey(key)).not.toThrow();
        else expect(() => validateKey(key)).toThrow(expect.objectContaining({ code: 'ERR_CACHE_KEY' }));
      }),
    );
  });
});

describe('validateKeyPrefix', () => {
  test.each(['', 'a', ' ', '*', '😀', 'x'.repeat(MAX_KEY_LENGTH)])('takes %j', (prefix) => {
    expect(() => validateKeyPrefix(prefix, context)).not.toThrow();
  });

  test.each([undefined, null, 5, {}, ['a'], 'a\0', '\ud83d', 'x'.repeat(1025)])('refuses %p', (prefix) => {
    expect(() => validateKeyPrefix(prefix as string, context)).toThrow(
      expect.objectContaining({
        ...context,
        code: 'ERR_CACHE_KEY',
        message: expect.stringContaining('A prefix of keys'),
      }),
    );
  });
});

describe('resolveKey', () => {
  test('gives the key back where there is no transformer', () => {
    expect(resolveKey('a', undefined)).toBe('a');
    expect(() => resolveKey('', undefined, context)).toThrow(expect.objectContaining(context));
  });

  test('lets a transformer shorten a key that is too long', () => {
    expect(resolveKey('x'.repeat(5000), sha256Keys())).toHaveLength(64);
  });

  test.each(['', 'a\0b', '\ud800', 5 as never])('checks %j before it is transformed', (key) => {
    let isCalled = false;
    const transformer = () => {
      isCalled = true;
      return 'fine';
    };
    expect(() => resolveKey(key, transformer)).toThrow(expect.objectContaining({ code: 'ERR_CACHE_KEY' }));
    expect(isCalled).toBe(false);
  });

  test.each(['', 'a\0b', '\ud800', 'x'.repeat(1025), undefined as never])(
    'refuses a transformer that makes %j of a key',
    (transformed) => {
      expect(() => resolveKey('a', () => transformed, context)).toThrow(
        expect.objectContaining({ ...context, code: 'ERR_CACHE_KEY' }),
      );
    },
  );

  test('refuses a key that a prefix makes too long', () => {
    expect(() => resolveKey('x'.repeat(1020), prefixKeys('tenant:'))).toThrow('1027');
  });
});
