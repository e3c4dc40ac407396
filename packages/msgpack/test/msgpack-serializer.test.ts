import { inspect, isDeepStrictEqual } from 'node:util';
import { type CacheValueError, hasErrorCode, MAX_VALUE_DEPTH } from '@cache/core';
import { msgpackSerializer } from '@cache/msgpack';
import { describe, expect, test } from '@jest/globals';
import { decode, encode } from '@msgpack/msgpack';
import fc from 'fast-check';
import { richValue } from './rich-value.ts';

const CANARY = 'canary-7f3a91';
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

/** isDeepStrictEqual takes no notice of the order of Maps and Sets. */
function expectSame(given: unknown, back: unknown): void {
  if (!isDeepStrictEqual(given, back)) expect(back).toStrictEqual(given);
  expect(isDeepStrictEqual(given, back)).toBe(true);
  expect(inspect(back, { depth: null })).toBe(inspect(given, { depth: null }));
}

describe('what MessagePack holds', () => {
  test('rows 7, 8 and 10: comes back exactly, whatever it is', () => {
    fc.assert(
      fc.property(richValue, (value) => expectSame(value, roundTrip(value))),
      { numRuns: 500 },
    );
  });

  test('is not changed by being written', () => {
    fc.assert(
      fc.property(richValue, (value) => {
        const before = inspect(value, { depth: null });
        msgpack.serialize(value);
        expect(inspect(value, { depth: null })).toBe(before);
      }),
    );
    const frozen = Object.freeze({ at: Object.freeze([-0, undefined, new Date(0), new Map([[1, -0]])]) });
    expectSame(frozen, roundTrip(frozen));
  });

  test('shares no memory with the payload it was read from', () => {
    const payload = msgpack.serialize({ bytes: new Uint8Array([1, 2]), map: new Map([['k', [Buffer.from('ab')]]]) });
    const value = msgpack.deserialize(payload) as { bytes: Uint8Array };
    const before = inspect(value, { depth: null });
    payload.fill(0xff);
    expect(inspect(value, { depth: null })).toBe(before);
    expect(value.bytes.buffer.byteLength).toBe(2);
  });

  test('is read from any part of a larger buffer', () => {
    const payload = Buffer.from(msgpack.serialize({ a: new Uint8Array([1, 2]) }));
    const larger = Buffer.concat([Buffer.from('head'), payload, Buffer.from('tail')]);
    expectSame({ a: new Uint8Array([1, 2]) }, msgpack.deserialize(larger.subarray(4, 4 + payload.length)));
  });

  test('can be a Date that is none', () => {
    const [date] = roundTrip([new Date(Number.NaN)]) as [Date];
    expect(date).toBeInstanceOf(Date);
    expect(date.getTime()).toBeNaN();
  });

  test('comes back as two where one object occurs twice', () => {
    const shared = { a: 1 };
    expectSame([{ a: 1 }, { a: 1 }], roundTrip([shared, shared]));
  });

  test('comes back as a plain object where it has no prototype', () => {
    expectSame({ a: 1 }, roundTrip(Object.assign(Object.create(null), { a: 1 })));
  });

  test('row 11: may be nested 200 deep, and no deeper', () => {
    const arrays = (depth: number): unknown => (depth === 1 ? [] : [arrays(depth - 1)]);
    const maps = (depth: number): unknown => (depth === 1 ? new Map() : new Map([['k', maps(depth - 1)]]));
    for (const nest of [arrays, maps]) {
      expectSame(nest(MAX_VALUE_DEPTH), roundTrip(nest(MAX_VALUE_DEPTH)));
      expect(refusalOf(nest(MAX_VALUE_DEPTH + 1)).message).toContain('200 deep');
    }
  });

  test('may lie at the deepest level, of whatever kind it is', () => {
    const leaves = [-0, 1n, undefined, 'text', 1.5, new Date(0), new Uint8Array([1]), Buffer.from('a')];
    for (const leaf of leaves) {
      let value: unknown = leaf;
      for (let depth = 0; depth < MAX_VALUE_DEPTH; depth += 1) value = depth % 2 === 0 ? [value] : new Set([value]);
      expectSame(value, roundTrip(value));
    }
  });

  test('may be larger than what the encoder keeps between values', () => {
    const large = { text: 'é'.repeat(2_000_000) };
    expectSame(large, roundTrip(large));
    expectSame([1], roundTrip([1]));
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

  test('begins with the byte that the serializer names', () => {
    expect(msgpack.formatByte).toBe(0xf1);
    expect(msgpack.format).toBe('binary');
    expect(msgpack.serialize({})[0]).toBe(msgpack.formatByte);
  });

  test('of a plain value is MessagePack that other programs read after the first byte', () => {
    const value = { id: 7, name: 'Ada', tags: ['a', 'b'], ratio: 0.5, none: null, bytes: new Uint8Array([1]) };
    expect(Buffer.from(msgpack.serialize(value)).subarray(1)).toEqual(Buffer.from(encode(value)));
    expect(decode(msgpack.serialize(value).subarray(1))).toStrictEqual(value);
  });
});

class Point {
  readonly x = 1;
}

describe('what MessagePack would change', () => {
  test.each<[kind: string, value: unknown, hint: string]>([
    ['function', () => 1, 'function'],
    ['symbol', Symbol('s'), 'symbol'],
    ['instance of a class', new Point(), 'an instance of Point'],
    ['class that extends Map', new (class Registry extends Map {})(), 'an instance of Registry'],
    ['class that extends Array', new (class List extends Array {})(), 'an instance of List'],
    ['class that extends Uint8Array', new (class Bytes extends Uint8Array {})(1), 'an instance of Bytes'],
    ['RegExp', /a/, 'an instance of RegExp'],
    ['Error', new TypeError('e'), 'an instance of TypeError'],
    ['URL', new URL('http://localhost'), 'an instance of URL'],
    ['Promise', Promise.resolve(), 'an instance of Promise'],
    ['boxed number', new Number(1), 'an instance of Number'],
    ['array with holes', new Array(2), 'holes'],
    ['result of a match', 'abc'.match(/b/), 'properties of its own'],
    ['Date with properties', Object.assign(new Date(), { note: 1 }), 'added'],
    ['Map with a key that is a symbol', Object.assign(new Map(), { [Symbol('s')]: 1 }), 'added'],
    ['Date with a hidden property', Object.defineProperty(new Date(), 'getTime', { value: () => 1 }), 'added'],
    ['array with a key that is a symbol', Object.assign([1], { [Symbol('s')]: 1 }), 'symbol'],
    ['key that is a symbol', { [Symbol('s')]: 1 }, 'symbol'],
    ['hidden property', Object.defineProperty({}, 'h', { value: 1 }), 'not enumerable'],
    ['lone surrogate', 'a\ud800', 'lone surrogate'],
    ['name with a lone surrogate', { 'a\udc00': 1 }, 'lone surrogate'],
    ['shared memory', new Uint8Array(new SharedArrayBuffer(1)), 'shared'],
    ['shared buffer', new SharedArrayBuffer(1), 'shared'],
  ])('row 9: is refused with its path: %s', (_, value, hint) => {
    const refusal = refusalOf({ a: [1, { 'b c': value }] });
    expect(refusal.path).toBe('$.a[1]["b c"]');
    expect(refusal.message).toContain(hint);
    expect(refusalOf(value).path).toBe('$');
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

  test('row 9: is refused: getters, cycles, and what throws or changes when it is read', () => {
    expect(
      refusalOf({
        a: {
          get b() {
            return 1;
          },
        },
      }).path,
    ).toBe('$.a.b');
    const cycle: unknown[] = [];
    cycle.push(new Map([['k', cycle]]));
    expect(refusalOf(cycle).message).toContain('in a cycle');
    const trap = new Proxy(
      {},
      {
        ownKeys: () => {
          throw new Error(CANARY);
        },
      },
    );
    expect(refusalOf([trap]).path).toBe('$[0]');
    // The walk sees the property, and the encoder what `get` gives.
    const fickle = new Proxy({ a: 1 }, { get: () => () => CANARY });
    expect(refusalOf([fickle]).path).toBe('$');
  });

  test('is refused, or comes back equal, whatever it is', () => {
    const anything = fc.anything({
      withBigInt: true,
      withBoxedValues: true,
      withDate: true,
      withMap: true,
      withSet: true,
      withSparseArray: true,
      withTypedArray: true,
      maxDepth: 2,
      maxKeys: 3,
    });
    fc.assert(
      fc.property(anything, (value) => {
        let payload: Uint8Array;
        try {
          payload = msgpack.serialize(value);
        } catch (error) {
          expect(hasErrorCode(error, 'ERR_CACHE_VALUE')).toBe(true);
          return;
        }
        expect(msgpack.deserialize(payload)).toEqual(value);
      }),
      { numRuns: 500 },
    );
  });
});

test('no error carries a part of the value, and the next call works', () => {
  const values = [
    { secret: CANARY, list: [CANARY, () => CANARY] },
    [CANARY, Symbol(CANARY)],
    new Error(CANARY),
    `${CANARY}\ud800`,
    new Map([[CANARY, () => 1]]),
  ];
  for (const value of values) {
    const refusal = refusalOf(value);
    expect(inspect(refusal, { showHidden: true, depth: null }) + JSON.stringify(refusal)).not.toContain(CANARY);
    expectSame([CANARY], roundTrip([CANARY]));
  }
});
