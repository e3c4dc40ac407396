import { inspect } from 'node:util';
import { deserialize, serialize } from 'node:v8';
import { type CacheValueError, hasErrorCode } from '@cache/core';
import { v8Serializer } from '@cache/v8-serializer';
import { describe, expect, test } from '@jest/globals';

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
    ['symbol object', Object(Symbol('s')), 'an instance of Symbol'],
    ['class that extends Error', new (class NotFound extends Error {})(), 'an instance of NotFound'],
    ['AggregateError', new AggregateError([]), 'an instance of AggregateError'],
    ['Error with a code', Object.assign(new Error('e'), { code: 'E' }), 'beside its message'],
    ['Error with a name of its own', Object.assign(new Error('e'), { name: 'N' }), 'beside its message'],
    ['WeakMap', new WeakMap(), 'an instance of WeakMap'],
    ['Blob', new Blob([]), 'an instance of Blob'],
    ['Proxy', new Proxy({}, {}), 'Proxy'],
    ['RegExp under way', Object.assign(/a/g, { lastIndex: 1 }), 'lastIndex'],
    ['String object with properties', Object.assign(new String('ab'), { note: 1 }), 'added'],
    ['Number object with a key that is a symbol', Object.assign(new Number(1), { [Symbol('s')]: 1 }), 'added'],
    ['Error with a getter', Object.defineProperty(new Error(), 'message', { get: () => 'm' }), 'beside its message'],
    ['memory that was transferred', transferred(new Uint8Array(2)).buffer, 'transferred'],
    ['a view of memory that was transferred', transferred(new Float64Array(2)), 'transferred'],
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
});
