import { type CacheValueError, hasErrorCode } from '@cache/core';
import { msgpackSerializer } from '@cache/msgpack';
import { describe, expect, test } from '@jest/globals';
import { decode, encode } from '@msgpack/msgpack';

const msgpack = msgpackSerializer();
const roundTrip = (value: unknown) => msgpack.deserialize(msgpack.serialize(value));
const hexOf = (value: unknown) => Buffer.from(msgpack.serialize(value)).toString('hex');

function refusalOf(value: unknown): CacheValueError {
  try {
    msgpack.serialize(value);
  } catch (error) {
    if (hasErrorCode(error, 'ERR_CACHE_VALUE')) return error;
    throw error;
  }
  throw new Error('The value was not refused.');
}

describe('what MessagePack holds', () => {
  test('comes back as two where one object occurs twice', () => {
    const shared = { a: 1 };
    expect(roundTrip([shared, shared])).toStrictEqual([{ a: 1 }, { a: 1 }]);
  });

  test('comes back as a plain object where it has no prototype', () => {
    expect(roundTrip(Object.assign(Object.create(null), { a: 1 }))).toStrictEqual({ a: 1 });
  });

  test('may be larger than what the encoder keeps between values', () => {
    const large = { text: 'é'.repeat(2_000_000) };
    expect(roundTrip(large)).toStrictEqual(large);
    expect(roundTrip([1])).toStrictEqual([1]);
  });
});

describe('a payload', () => {
  test.each<[what: string, value: unknown, hex: string]>([
    ['a plain object', { a: [1, 'b', null, true] }, 'f181a1619401a162c0c3'],
    ['a double', 1.5, 'f1cb3ff8000000000000'],
    ['undefined', [undefined], 'f191d40100'],
    ['-0', [-0], 'f191d40101'],
    ['a Date that is none', new Date(Number.NaN), 'f1d40102'],
    ['a Date', new Date(1_000), 'f1d6ff00000001'],
    ['bytes', new Uint8Array([1, 2]), 'f1c4020102'],
    ['a Map', new Map([['a', 1]]), 'f1d60292a16101'],
    ['a Set', new Set([1]), 'f1d5039101'],
    ['a BigInt', -258n, 'f1c70304010102'],
    ['an object with __proto__', JSON.parse('{"__proto__":1}'), 'f1c70c0592a95f5f70726f746f5f5f01'],
    ['a Buffer', Buffer.from('a'), 'f1d5060261'],
    ['a Float32Array', new Float32Array([1]), 'f1c705060900' + '00803f'],
  ])('of %s has these bytes, now and in later versions', (_, value, hex) => {
    expect(hexOf(value)).toBe(hex);
    msgpack.deserialize(Buffer.from(hex, 'hex'));
  });

  test('of a plain value is MessagePack that other programs read after the first byte', () => {
    const value = { id: 7, name: 'Ada', tags: ['a', 'b'], ratio: 0.5, none: null, bytes: new Uint8Array([1]) };
    expect(Buffer.from(msgpack.serialize(value)).subarray(1)).toEqual(Buffer.from(encode(value)));
    expect(decode(msgpack.serialize(value).subarray(1))).toStrictEqual(value);
  });
});

describe('what MessagePack would change', () => {
  test('row 9: is refused with its path: a buffer that is shared', () => {
    const refusal = refusalOf({ a: [1, { 'b c': new SharedArrayBuffer(1) }] });
    expect(refusal.path).toBe('$.a[1]["b c"]');
    expect(refusal.message).toContain('shared');
  });

  test('is refused in a Map, a Set and an object named __proto__ too', () => {
    expect(
      refusalOf(
        new Map<unknown, unknown>([
          [1, 1],
          [2, [() => 1]],
        ]),
      ).path,
    ).toBe('$[1][0]');
    expect(refusalOf(new Map([[Symbol('s'), 1]])).path).toBe('$[0]');
    expect(refusalOf({ set: new Set([1, () => 1]) }).path).toBe('$.set[1]');
    expect(refusalOf(Object.defineProperty({}, '__proto__', { value: () => 1, enumerable: true })).path).toBe(
      '$.__proto__',
    );
  });

  test('row 9: is refused: what changes when it is read', () => {
    // The walk sees the property, and the encoder what `get` gives.
    const fickle = new Proxy({ a: 1 }, { get: () => () => 1 });
    expect(refusalOf([fickle]).path).toBe('$');
  });
});
