import { inspect } from 'node:util';
import { deserialize, serialize } from 'node:v8';
import { type CacheValueError, hasErrorCode, MAX_VALUE_DEPTH } from '@cache/core';
import { v8Serializer } from '@cache/v8-serializer';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { clonableValue } from './clonable-value.ts';

const CANARY = 'canary-7f3a91';
const v8 = v8Serializer({ key: 'a key for tests, of 32 bytes and more' });
const roundTrip = (value: unknown) => v8.deserialize(v8.serialize(value));

function refusalOf(value: unknown): CacheValueError {
  try {
    v8.serialize(value);
  } catch (error) {
    if (hasErrorCode(error, 'ERR_CACHE_VALUE')) return error;
    throw error;
  }
  throw new Error('The value was not refused.');
}

/** Compared as Node prints them, and as V8 writes its own clone of them: what it reads is of another realm than a test. */
function expectSame(given: unknown, back: unknown): void {
  expect(inspect(back, { depth: null })).toBe(inspect(given, { depth: null }));
  expect(serialize(back).equals(serialize(deserialize(serialize(given))))).toBe(true);
}

describe('what structured clone keeps', () => {
  test('rows 7, 8 and 10: comes back exactly, whatever it is', () => {
    fc.assert(
      fc.property(clonableValue, (value) => expectSame(value, roundTrip(value))),
      { numRuns: 500 },
    );
  });

  test('is not changed by being written', () => {
    fc.assert(
      fc.property(clonableValue, (value) => {
        const before = inspect(value, { depth: null });
        v8.serialize(value);
        expect(inspect(value, { depth: null })).toBe(before);
      }),
    );
  });

  test('shares no memory with the payload it was read from', () => {
    const value = {
      bytes: new Uint8Array([1, 2]),
      floats: new Float64Array([1.5]),
      view: new DataView(new ArrayBuffer(3)),
    };
    const payload = v8.serialize({ ...value, buffer: Buffer.from('ab') });
    const back = v8.deserialize(payload) as typeof value;
    const before = inspect(back, { depth: null });
    payload.fill(0xff);
    expect(inspect(back, { depth: null })).toBe(before);
    expect([back.bytes, back.floats, back.view].map(({ buffer }) => buffer.byteLength)).toEqual([2, 8, 3]);
  });

  test('is one object where one object was referred to twice, and a cycle where there was one', () => {
    const shared = { a: 1 };
    const cycle: Record<string, unknown> = { shared };
    cycle['self'] = new Map([['me', cycle]]);
    const back = roundTrip([shared, cycle]) as [object, { shared: object; self: Map<string, unknown> }];
    expect(back[1].shared).toBe(back[0]);
    expect(back[1].self.get('me')).toBe(back[1]);
  });

  test('comes back as a plain object where it has no prototype', () => {
    expectSame({ a: 1 }, roundTrip(Object.assign(Object.create(null), { a: 1 })));
  });

  test('row 11: may be nested 200 deep, and no deeper', () => {
    const nest = (depth: number): unknown => (depth === 1 ? new Set() : new Map([['k', nest(depth - 1)]]));
    expectSame(nest(MAX_VALUE_DEPTH), roundTrip(nest(MAX_VALUE_DEPTH)));
    expect(refusalOf(nest(MAX_VALUE_DEPTH + 1)).message).toContain('200 deep');
  });

  test('is written as bytes that begin with the byte that the serializer names', () => {
    expect(v8.format).toBe('binary');
    expect(v8.formatByte).toBe(0xf2);
    expect(v8.serialize({})[0]).toBe(v8.formatByte);
  });
});

function transferred<View extends Uint8Array<ArrayBuffer> | Float64Array<ArrayBuffer>>(view: View): View {
  structuredClone(view, { transfer: [view.buffer] });
  return view;
}

class Point {
  readonly x = 1;
}

describe('what structured clone would change', () => {
  test.each<[kind: string, value: unknown, hint: string]>([
    ['function', () => 1, 'function'],
    ['symbol', Symbol('s'), 'symbol'],
    ['symbol object', Object(Symbol('s')), 'an instance of Symbol'],
    ['instance of a class', new Point(), 'an instance of Point'],
    ['class that extends Map', new (class Registry extends Map {})(), 'an instance of Registry'],
    ['class that extends Array', new (class List extends Array {})(), 'an instance of List'],
    ['class that extends Error', new (class NotFound extends Error {})(), 'an instance of NotFound'],
    ['class that extends Uint8Array', new (class Bytes extends Uint8Array {})(1), 'an instance of Bytes'],
    ['AggregateError', new AggregateError([]), 'an instance of AggregateError'],
    ['Error with a code', Object.assign(new Error('e'), { code: 'E' }), 'beside its message'],
    ['Error with a name of its own', Object.assign(new Error('e'), { name: 'N' }), 'beside its message'],
    ['URL', new URL('http://localhost'), 'an instance of URL'],
    ['Promise', Promise.resolve(), 'an instance of Promise'],
    ['WeakMap', new WeakMap(), 'an instance of WeakMap'],
    ['Blob', new Blob([]), 'an instance of Blob'],
    ['Proxy', new Proxy({}, {}), 'Proxy'],
    ['RegExp under way', Object.assign(/a/g, { lastIndex: 1 }), 'lastIndex'],
    ['Date with properties', Object.assign(new Date(), { note: 1 }), 'added'],
    ['String object with properties', Object.assign(new String('ab'), { note: 1 }), 'added'],
    ['Number object with a key that is a symbol', Object.assign(new Number(1), { [Symbol('s')]: 1 }), 'added'],
    ['Map with a key that is a symbol', Object.assign(new Map(), { [Symbol('s')]: 1 }), 'added'],
    ['Set with a hidden property', Object.defineProperty(new Set(), 'h', { value: 1 }), 'added'],
    ['RegExp with properties', Object.assign(/a/, { note: 1 }), 'added'],
    ['array with a key that is a symbol', Object.assign([1], { [Symbol('s')]: 1 }), 'symbol'],
    ['Error with a getter', Object.defineProperty(new Error(), 'message', { get: () => 'm' }), 'beside its message'],
    ['memory that was transferred', transferred(new Uint8Array(2)).buffer, 'transferred'],
    ['a view of memory that was transferred', transferred(new Float64Array(2)), 'transferred'],
    ['array with holes', new Array(2), 'holes'],
    ['result of a match', 'abc'.match(/b/), 'properties of its own'],
    ['key that is a symbol', { [Symbol('s')]: 1 }, 'symbol'],
    ['hidden property', Object.defineProperty({}, 'h', { value: 1 }), 'not enumerable'],
    ['shared memory', new Uint8Array(new SharedArrayBuffer(1)), 'shared'],
  ])('row 9: is refused with its path: %s', (_, value, hint) => {
    const refusal = refusalOf({ a: [1, { 'b c': value }] });
    expect(refusal.path).toBe('$.a[1]["b c"]');
    expect(refusal.message).toContain(hint);
  });

  test('is refused in a Map, a Set, a cause, and beside a cycle too', () => {
    expect(
      refusalOf(
        new Map<unknown, unknown>([
          [1, 1],
          [2, [() => 1]],
        ]),
      ).path,
    ).toBe('$[1][0]');
    expect(refusalOf({ set: new Set([1, () => 1]) }).path).toBe('$.set[1]');
    expect(refusalOf([new Error('e', { cause: { f: () => 1 } })]).path).toBe('$[0].cause.f');
    const cycle: Record<string, unknown> = {};
    cycle['self'] = cycle;
    cycle['point'] = new Point();
    expect(refusalOf(cycle).path).toBe('$.point');
  });

  test('is refused: getters, and what throws when it is read', () => {
    const getter = Object.defineProperty({}, 'b', { enumerable: true, get: () => CANARY });
    const refusal = refusalOf({ a: getter });
    expect(refusal.path).toBe('$.a.b');
    expect(inspect(refusal, { showHidden: true, depth: null })).not.toContain(CANARY);
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
          payload = v8.serialize(value);
        } catch (error) {
          expect(hasErrorCode(error, 'ERR_CACHE_VALUE')).toBe(true);
          return;
        }
        expect(inspect(v8.deserialize(payload), { depth: null })).toBe(inspect(value, { depth: null }));
      }),
      { numRuns: 500 },
    );
  });
});
