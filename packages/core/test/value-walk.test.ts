import { runInNewContext } from 'node:vm';
import {
  type CacheValueError,
  hasErrorCode,
  isDirectInstance,
  isPlainObject,
  MAX_VALUE_DEPTH,
  type ValueVisitor,
  ValueWalk,
} from '@cache/core';
import { describe, expect, test } from '@jest/globals';

const CANARY = 'canary-7f3a91';

/** Writes Dates as numbers, Maps as lists and Sets as arrays, goes into the rest, and refuses functions. */
const visit: ValueVisitor = (value, walk) => {
  if (typeof value === 'function') return walk.refuse('a function');
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Date) return value.getTime();
  if (value instanceof Map) return { map: walk.entries(value) };
  if (value instanceof Set) return { set: walk.elements([...value]) };
  return Array.isArray(value) ? walk.elements(value) : walk.properties(value);
};

const walked = (value: unknown): unknown => new ValueWalk('test', visit).start(value);

function refusalOf(value: unknown): CacheValueError {
  try {
    walked(value);
  } catch (error) {
    if (hasErrorCode(error, 'ERR_CACHE_VALUE')) return error;
    throw error;
  }
  throw new Error('The value was not refused.');
}

class Point {
  readonly x = 1;
}

describe('a walk over a value', () => {
  test('gives the very same value where nothing is replaced', () => {
    const value = { a: [1, { b: 'text' }, null, undefined], c: Object.create(null) };
    expect(walked(value)).toBe(value);
  });

  test('copies what holds something that is replaced, and changes nothing of what it walks', () => {
    const untouched = { deep: [1] };
    const value = { list: [0, new Date(5), 2], untouched, ['__proto__x']: 1 };
    const before = structuredClone(value);
    const written = walked(value) as typeof value;
    expect(written).toEqual({ list: [0, 5, 2], untouched, ['__proto__x']: 1 });
    expect(written.untouched).toBe(untouched);
    expect(value).toEqual(before);
  });

  test('replaces a property named __proto__ as a property, and pollutes nothing', () => {
    const value = Object.defineProperty({ a: 1 }, '__proto__', { value: new Date(7), enumerable: true });
    const written = walked(value) as object;
    expect(Object.keys(written)).toEqual(['a', '__proto__']);
    expect(Object.getOwnPropertyDescriptor(written, '__proto__')?.value).toBe(7);
    expect(Object.getPrototypeOf(written)).toBe(Object.prototype);
  });

  test('goes into maps and sets', () => {
    expect(walked(new Map([['a', new Set([new Date(1)])]]))).toEqual({ map: ['a', { set: [1] }] });
  });

  test.each<[what: string, value: unknown, path: string]>([
    ['what the visitor refuses', { a: [0, { 'b c': () => 1 }] }, '$.a[1]["b c"]'],
    [
      'what the visitor refuses in a map',
      [
        new Map<unknown, unknown>([
          [1, 1],
          [2, () => 1],
        ]),
      ],
      '$[0][1]',
    ],
    ['what the visitor refuses after a deeper member', { a: [[1], { b: 1 }], c: () => 1 }, '$.c'],
    ['an instance of a class', { at: [new Point()] }, '$.at[0]'],
    ['an object that inherits', { a: Object.create({ b: 1 }) }, '$.a'],
    ['a hole', { a: new Array(2) }, '$.a'],
    ['a hole that a property hides', Object.assign(new Array(1), { extra: 1 }), '$[0]'],
    ['properties beside the elements', { a: 'abc'.match(/b/) }, '$.a'],
    ['a key that is a symbol', { a: { [Symbol('s')]: 1 } }, '$.a'],
    ['a key of an array that is a symbol', { a: Object.assign([1], { [Symbol('s')]: 1 }) }, '$.a'],
    ['a property that is not enumerable', { a: Object.defineProperty({}, 'b', { value: 1 }) }, '$.a'],
    [
      'a getter',
      {
        a: {
          get b() {
            return 1;
          },
        },
      },
      '$.a.b',
    ],
    ['a setter', { a: { set b(_: number) {} } }, '$.a.b'],
    [
      'a trap that throws',
      {
        a: new Proxy(
          {},
          {
            ownKeys: () => {
              throw new Error(CANARY);
            },
          },
        ),
      },
      '$.a',
    ],
  ])('refuses %s, with its path', (_, value, path) => {
    const refusal = refusalOf(value);
    expect(refusal.path).toBe(path);
    expect(refusal.message).toContain(`Not exactly representable as test at ${path}: `);
    expect(refusal.message).not.toContain(CANARY);
  });

  test('refuses what was added to an object of the language, if it is asked to', () => {
    const bare: ValueVisitor = (value, walk) => {
      walk.refuseAdditions(value as object, value instanceof RegExp ? 1 : 0);
      return 'bare';
    };
    const isBare = (value: object): boolean => new ValueWalk('test', bare).start(value) === 'bare';
    expect([new Map([[1, 2]]), new Set([1]), new Date(), /a/g, new Number(1)].every(isBare)).toBe(true);
    for (const name of ['shown', Symbol('s')]) {
      expect(() => isBare(Object.assign(new Map(), { [name]: 1 }))).toThrow('added to it would be lost');
      expect(() => isBare(Object.defineProperty(/a/, name, { value: 1 }))).toThrow('added to it would be lost');
    }
  });

  test('refuses a cycle, and nesting beyond the limit', () => {
    const cycle: unknown[] = [];
    cycle.push({ cycle });
    expect(refusalOf(cycle).message).toContain('in a cycle');
    const nest = (depth: number): unknown[] => (depth === 1 ? [] : [nest(depth - 1)]);
    expect(walked(nest(MAX_VALUE_DEPTH))).toEqual(nest(MAX_VALUE_DEPTH));
    expect(refusalOf(nest(MAX_VALUE_DEPTH + 1)).message).toContain('200 deep');
    const order: Record<string, unknown> = {};
    order['aPreviousOrderOfTheSameCustomer'] = order;
    expect(refusalOf(order).message.length).toBeLessThan(250);
    expect(refusalOf(order).path).toBe(`$${'.aPreviousOrderOfTheSameCustomer'.repeat(MAX_VALUE_DEPTH)}`);
  });

  test('refuses a value that would grow beyond bounds when written out', () => {
    let value: unknown[] = [];
    for (let level = 0; level < 40; level += 1) value = [value, value];
    expect(refusalOf(value).message).toContain('more than');
  });

  test('says the class of what it refuses, and only if it is a name', () => {
    expect(refusalOf(new Point()).message).toContain('an instance of Point would not come back');
    const odd = Object.create({ constructor: Object.defineProperty(() => 1, 'name', { value: `${CANARY} !` }) });
    expect(refusalOf(odd).message).not.toContain(CANARY);
  });
});

describe('what made an object', () => {
  const foreign = (code: string): object => runInNewContext(code) as object;

  test('is told in any realm', () => {
    expect(isPlainObject(foreign('({ a: 1 })'))).toBe(true);
    expect(isPlainObject(Object.create(null) as object)).toBe(true);
    expect(isDirectInstance(foreign('new Map()'), Map)).toBe(true);
    expect(isDirectInstance(foreign('new Uint8Array(1)'), Uint8Array)).toBe(true);
    expect(isDirectInstance(new Map(), Map)).toBe(true);
  });

  test('is not a class that extends it or has its name', () => {
    expect(isDirectInstance(foreign('new (class Map extends globalThis.Map {})()'), Map)).toBe(false);
    expect(isDirectInstance(new (class extends Map {})(), Map)).toBe(false);
    expect(isPlainObject(foreign('new (class Object {})()'))).toBe(false);
    expect(isPlainObject(new Point())).toBe(false);
    expect(isPlainObject(Object.create({}) as object)).toBe(false);
    expect(isPlainObject(new Map())).toBe(false);
  });
});
