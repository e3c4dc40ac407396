import { createHash } from 'node:crypto';
import { composeKeyTransformers, prefixKeys, sha256Keys } from '@cache/core';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';

test('prefixKeys puts a prefix before every key', () => {
  expect(prefixKeys('tenant:')('a')).toBe('tenant:a');
});

describe('sha256Keys', () => {
  test('replaces a key by the hexadecimal SHA-256 of its UTF-8 bytes', () => {
    expect(sha256Keys()('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
    expect(sha256Keys()('é')).toBe(createHash('sha256').update(Buffer.from('é', 'utf8')).digest('hex'));
  });

  test('leaves keys alone that are not longer than asked', () => {
    const transform = sha256Keys({ longerThan: 3 });
    expect(transform('abc')).toBe('abc');
    expect(transform('abcd')).toHaveLength(64);
  });

  test('keeps different keys different', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), fc.string({ minLength: 1 }), (left, right) => {
        expect(sha256Keys()(left) === sha256Keys()(right)).toBe(left === right);
      }),
    );
  });
});

describe('composeKeyTransformers', () => {
  test('applies the first given first', () => {
    const transform = composeKeyTransformers(prefixKeys('a:'), prefixKeys('b:'));
    expect(transform('k')).toBe('b:a:k');
  });

  test('changes nothing when there are none', () => {
    expect(composeKeyTransformers()('k')).toBe('k');
  });
});
