import { hasErrorCode, MAX_VALUE_DEPTH, MAX_VALUE_OBJECTS } from '@cache/core';
import { msgpackSerializer } from '@cache/msgpack';
import { describe, expect, test } from '@jest/globals';
import { decode } from '@msgpack/msgpack';

const MAX_HEAP_GROWTH_BYTES = 20_000_000;
const msgpack = msgpackSerializer();

/** Ten million elements that are not there. */
const CLAIM = 'dd00989680';

function isRefused(payload: Uint8Array): boolean {
  try {
    msgpack.deserialize(payload);
    return false;
  } catch (error) {
    if (!hasErrorCode(error, 'ERR_CACHE_CORRUPTION')) throw error;
    return true;
  }
}

/** How much memory a call takes that leaves nothing behind. */
function growthOf(call: () => void): number {
  const used = (): number => {
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return heapUsed + arrayBuffers;
  };
  const before = used();
  call();
  return used() - before;
}

describe('row 62: bytes that nobody wrote', () => {
  test.each<[what: string, hex: string]>([
    ['nothing', ''],
    ['the first byte alone', 'f1'],
    ['another format', '81a16101'],
    ['JSON', Buffer.from('{"a":1}').toString('hex')],
    ['a signed payload of V8', 'f201'],
    ['a token that is never used', 'f1c1'],
    ['an unknown extension', 'f1d47f00'],
    ['an unknown constant', 'f1d40103'],
    ['an unknown class of bytes', 'f1d5067f00'],
    ['half an element of a Float64Array', 'f1c705060a00000000'],
    ['a Map with a key too many', 'f1d5029101'],
    ['a Map that is no array', 'f1d40201'],
    ['a Set longer than what it holds', 'f1c703039101c0'],
    ['an object with a name that is no string', 'f1c70305920101'],
    ['a property whose name is a number', 'f1810101'],
    ['a property named __proto__', 'f181a95f5f70726f746f5f5f80'],
    ['an integer that no number holds', 'f1cf0020000000000000'],
    ['a negative integer that no number holds', 'f1d3ffe0000000000000'],
    ['a time within a millisecond', 'f1d7ff0000000400000000'],
    ['a time that no Date holds', 'f1c70cff000000007fffffffffffffff'],
    ['a string that is not UTF-8', 'f1a2c328'],
    ['a surrogate in UTF-8', 'f1a3eda080'],
    ['a BigInt without digits', 'f1d40400'],
    ['nesting beyond the limit', `f1${'91'.repeat(MAX_VALUE_DEPTH + 1)}c0`],
    ['nesting of a million', `f1${'91'.repeat(1_000_000)}c0`],
  ])('are refused: %s', (_, hex) => {
    expect(isRefused(Buffer.from(hex, 'hex'))).toBe(true);
  });

  test('may be nested as deep as values are written', () => {
    expect(isRefused(Buffer.from(`f1${'91'.repeat(MAX_VALUE_DEPTH)}c0`, 'hex'))).toBe(false);
  });
});

describe('row 63: a few bytes that claim to be large', () => {
  test.each<[what: string, hex: string]>([
    ['an array of four billion', 'ddffffffff'],
    ['an array of ten million', CLAIM],
    ['fifty arrays of ten million, each in the other', CLAIM.repeat(50)],
    ['a Set of ten million', `d603${CLAIM.slice(0, 8)}`],
    ['an object of four billion properties', 'dfffffffff'],
    ['four billion letters', 'dbffffffff'],
    ['four billion bytes', 'c6ffffffff'],
    ['an extension of four billion bytes', 'c9ffffffff02'],
  ])('are refused without making room for it: %s', (_, hex) => {
    const payload = Buffer.from(`f1${hex}`, 'hex');
    expect(growthOf(() => expect(isRefused(payload)).toBe(true))).toBeLessThan(MAX_HEAP_GROWTH_BYTES);
  });

  test('would be made room for by the decoder alone', () => {
    const decodeClaim = (): void => expect(() => decode(Buffer.from(CLAIM, 'hex'))).toThrow(RangeError);
    // A collection may come before the measurement; hardly five times.
    const growths = Array.from({ length: 5 }, () => growthOf(decodeClaim));
    expect(Math.max(...growths)).toBeGreaterThan(MAX_HEAP_GROWTH_BYTES);
  });

  test('are refused if they are more objects than a value may hold', () => {
    const payload = Buffer.alloc(MAX_VALUE_OBJECTS + 6, 0x90);
    payload.set(Buffer.from('f1dd', 'hex'));
    payload.writeUInt32BE(MAX_VALUE_OBJECTS, 2);
    expect(growthOf(() => expect(isRefused(payload)).toBe(true))).toBeLessThan(MAX_HEAP_GROWTH_BYTES);
  });
});
