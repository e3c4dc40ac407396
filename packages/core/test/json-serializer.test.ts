import { inspect } from 'node:util';
import { type CacheValueError, hasErrorCode, jsonSerializer, MAX_VALUE_DEPTH } from '@cache/core';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';

const CANARY = 'canary-7f3a91';
const json = jsonSerializer();
const roundTrip = (value: unknown) => json.deserialize(json.serialize(value));

function refusalOf(value: unknown): CacheValueError {
  try {
    json.serialize(value);
  } catch (error) {
    if (hasErrorCode(error, 'ERR_CACHE_VALUE')) return error;
    throw error;
  }
  throw new Error('The value was not refused.');
}

class Point {
  readonly x = 1;
  readonly y = -0;
  get sum(): number {
    return this.x + this.y;
  }
}

describe('what JSON holds', () => {
  test('row 10: comes back exactly, whatever it is', () => {
    const anyText = fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)) });
    const value = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 5 },
        anyText,
        fc.double({ noNaN: true, noDefaultInfinity: true }),
        fc.constantFrom(
          -0,
          0,
          null,
          true,
          false,
          '-0',
          '"-0"',
          '-0-0',
          '__proto__',
          Number.MIN_VALUE,
          Number.MAX_VALUE,
        ),
        fc.array(tie('value')),
        fc.dictionary(fc.oneof(anyText, fc.constantFrom('__proto__', 'toJSON', '-0', '')), tie('value')),
      ),
    })).value;
    fc.assert(
      fc.property(value, (given) => {
        expect(roundTrip(given)).toStrictEqual(withPlainPrototypes(given));
      }),
      { numRuns: 300 },
    );
  });

  test('is plain JSON, which any program can read', () => {
    expect(json.format).toBe('json');
    expect(json.serialize({ a: [1, 'zwei', null, true] })).toBe('{"a":[1,"zwei",null,true]}');
  });

  test.each([
    [-0, '-0'],
    [{ a: [1, -0, '-0'] }, '{"a":[1,-0,"-0"]}'],
    [{ '-0': -0, '-0-0': ['-0-0', -0] }, '{"-0":-0,"-0-0":["-0-0",-0]}'],
    [{ at: -0.5, zero: -0 }, '{"at":-0.5,"zero":-0}'],
    [{ price: '$&-0$1', zero: -0 }, '{"price":"$&-0$1","zero":-0}'],
  ])('keeps the sign of zero in %j', (value, text) => {
    expect(json.serialize(value)).toBe(text);
    expect(roundTrip(value)).toStrictEqual(value);
  });

  test('of another program may hold a number that is none here: it is read as JSON.parse reads it, and not written again', () => {
    expect(json.deserialize('{"a":1e999,"b":-1e999}')).toStrictEqual({
      a: Number.POSITIVE_INFINITY,
      b: Number.NEGATIVE_INFINITY,
    });
    expect(refusalOf(json.deserialize('{"a":1e999}')).path).toBe('$.a');
  });

  test('keeps properties named __proto__ as properties, and pollutes nothing', () => {
    const value = JSON.parse('{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}');
    const back = roundTrip(value) as object;
    expect(Object.keys(back)).toEqual(['__proto__', 'constructor']);
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });

  test('drops properties that are undefined, and makes data of class instances', () => {
    expect(roundTrip({ a: undefined, b: 1 })).toStrictEqual({ b: 1 });
    expect(roundTrip({ point: new Point() })).toStrictEqual({ point: { x: 1, y: -0 } });
    expect(roundTrip(Object.assign(Object.create(null), { a: 1 }))).toStrictEqual({ a: 1 });
    expect(roundTrip({ [Symbol('hidden')]: 1, a: 1 })).toStrictEqual({ a: 1 });
  });

  test('takes what a toJSON gives, if that is no string', () => {
    expect(roundTrip({ toJSON: () => ({ a: [1] }) })).toStrictEqual({ a: [1] });
    const itself = { a: 1, toJSON: (): unknown => itself };
    expect(roundTrip({ itself })).toStrictEqual({ itself: { a: 1 } });
    const partly = { a: 1, toJSON: () => ({ when: new Date(0) }) };
    expect(refusalOf({ partly }).path).toBe('$.partly.when');
  });

  test('may occur twice in a value', () => {
    const shared = { a: 1 };
    expect(roundTrip([shared, shared])).toStrictEqual([shared, shared]);
  });
});

/** What a property test makes by dictionary() has no prototype; what JSON.parse makes has. */
function withPlainPrototypes(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withPlainPrototypes);
  if (typeof value !== 'object' || value === null) return value;
  const plain = {};
  for (const [name, member] of Object.entries(value)) {
    Object.defineProperty(plain, name, {
      value: withPlainPrototypes(member),
      enumerable: true,
      writable: true,
      configurable: true,
    });
  }
  return plain;
}

const throwing = (thrown: unknown) => () => {
  throw thrown;
};

const LOSSY: [kind: string, value: unknown, hint: string][] = [
  ['Date', new Date(0), 'getTime'],
  ['Date that is none', new Date(Number.NaN), 'Date'],
  ['Map', new Map([['a', 1]]), '[...map]'],
  ['Set', new Set([1]), '[...set]'],
  ['RegExp', /a/, 'source'],
  ['Error', new TypeError('e'), 'message'],
  ['Promise', Promise.resolve(1), 'await'],
  ['Buffer', Buffer.from('a'), 'binary serializer'],
  ['Float64Array', new Float64Array(1), 'binary serializer'],
  ['DataView', new DataView(new ArrayBuffer(1)), 'bytes'],
  ['ArrayBuffer', new ArrayBuffer(1), 'binary serializer'],
  ['SharedArrayBuffer', new SharedArrayBuffer(1), 'binary serializer'],
  ['WeakMap', new WeakMap(), 'WeakMap'],
  ['WeakSet', new WeakSet(), 'WeakSet'],
  ['WeakRef', new WeakRef({}), 'WeakRef'],
  ['URLSearchParams', new URLSearchParams('a=1'), 'URLSearchParams'],
  ['Headers', new Headers({ a: '1' }), 'Headers'],
  ['Map iterator', new Map().keys(), 'Map Iterator'],
  ['generator', (function* () {})(), 'Generator'],
  ['String object', new String('s'), 'store the string'],
  ['Number object', new Number(1), 'store the number'],
  ['Boolean object', new Boolean(true), 'store the boolean'],
  ['BigInt object', Object(1n), 'store it as a string'],
  ['Symbol object', Object(Symbol('s')), 'symbol'],
  ['URL', new URL('http://localhost'), 'toJSON'],
  ['toJSON that gives a string', { toJSON: () => 'text' }, 'toJSON'],
  ['toJSON that gives a Map', { toJSON: () => new Map() }, 'Map'],
  ['BigInt', 10n, 'store it as a string'],
  ['NaN', Number.NaN, 'null'],
  ['Infinity', Number.POSITIVE_INFINITY, 'null'],
  ['-Infinity', Number.NEGATIVE_INFINITY, 'null'],
  ['symbol', Symbol('s'), 'symbol'],
  ['function', () => 1, 'function'],
];

describe('what JSON would change', () => {
  test.each(LOSSY)('rows 7, 8: is refused: %s', (_, value, hint) => {
    const inside = refusalOf({ a: [1, { 'b c': value, d: 2 }] });
    expect(inside.path).toBe('$.a[1]["b c"]');
    expect(inside.message).toContain('$.a[1]["b c"]');
    expect(inside.message).toContain(hint);
    expect(refusalOf(value).path).toBe('$');
  });

  test('is refused: undefined, where it has a place', () => {
    expect(refusalOf([1, undefined]).path).toBe('$[1]');
    expect(refusalOf(new Array(2)).path).toBe('$[0]');
    expect(refusalOf(undefined).path).toBe('$');
  });

  test('row 9: is refused: what throws when it is read', () => {
    const getter = Object.defineProperty({}, 'b', { enumerable: true, get: throwing(new Error(CANARY)) });
    expect(refusalOf({ a: getter }).path).toBe('$.a.b');
    expect(refusalOf({ a: { toJSON: throwing(new Error(CANARY)) } }).path).toBe('$.a');
    expect(refusalOf({ toJSON: throwing(undefined) }).path).toBe('$');
    const trap = new Proxy({}, { ownKeys: throwing(new Error(CANARY)) });
    expect(refusalOf(trap).path).toBe('$');
    expect(refusalOf([[trap]]).path).toBe('$');
  });

  test('rows 9, 11: is refused: a cycle, and nesting beyond 200', () => {
    const cycle: unknown[] = [];
    cycle.push({ cycle });
    expect(refusalOf(cycle).message).toContain('in a cycle');
    const nest = (depth: number): unknown[] => (depth === 1 ? [] : [nest(depth - 1)]);
    expect(roundTrip(nest(MAX_VALUE_DEPTH))).toStrictEqual(nest(MAX_VALUE_DEPTH));
    expect(refusalOf(nest(MAX_VALUE_DEPTH + 1)).message).toContain('200 deep');
    let deepest: unknown[] = [];
    for (let depth = 0; depth < 200_000; depth += 1) deepest = [deepest];
    expect(refusalOf(deepest).message.length).toBeLessThan(1000);
  });

  test('the message quotes both ends of a long path, and the error has all of it', () => {
    const order: Record<string, unknown> = {};
    order['aPreviousOrderOfTheSameCustomer'] = order;
    const { message, path } = refusalOf(order);
    expect(message.length).toBeLessThan(250);
    expect(message).toMatch(/at \$\.aPreviousOrder.*….*TheSameCustomer: nested more than 200 deep/);
    expect(path).toBe(`$${'.aPreviousOrderOfTheSameCustomer'.repeat(MAX_VALUE_DEPTH)}`);
    const short = { ['x'.repeat(116)]: 1n };
    expect(refusalOf(short).message).toContain(` at $.${'x'.repeat(116)}: `);
    expect(refusalOf({ ['😀'.repeat(60)]: 1n }).message.isWellFormed()).toBe(true);
    expect(refusalOf({ [`x${'😀'.repeat(60)}`]: 1n }).message.isWellFormed()).toBe(true);
  });

  test('is refused: a value that would grow beyond bounds when written out', () => {
    let value: unknown[] = [];
    for (let level = 0; level < 40; level += 1) value = [value, value];
    expect(refusalOf(value).message).toContain('more than');
  });

  test('is refused or comes back equal, whatever it is', () => {
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
        let back: unknown;
        try {
          back = roundTrip(value);
        } catch (error) {
          expect(hasErrorCode(error, 'ERR_CACHE_VALUE')).toBe(true);
          return;
        }
        expect(back).toEqual(value);
      }),
      { numRuns: 300 },
    );
  });

  test('is taken as JSON.stringify makes it, when that is allowed', () => {
    const lossy = jsonSerializer({ lossy: 'allow' });
    const value = { at: new Date(0), map: new Map([['a', 1]]), nan: Number.NaN, zero: -0, list: [undefined] };
    expect(lossy.serialize(value)).toBe(JSON.stringify(value));
    for (const impossible of [undefined, Symbol('s'), () => 1, 10n, { toJSON: throwing(new Error(CANARY)) }]) {
      expect(() => lossy.serialize(impossible)).toThrow(
        expect.objectContaining({ code: 'ERR_CACHE_VALUE', path: '$' }),
      );
    }
  });
});

describe('what is stored', () => {
  test.each(['', '{', '{"a":', 'undefined', 'NaN', `{"secret":"${CANARY}"`, '\u0001'])(
    'is corrupt if it is %j',
    (payload) => {
      expect(() => json.deserialize(payload)).toThrow(
        expect.objectContaining({ code: 'ERR_CACHE_CORRUPTION', message: 'What is stored is not JSON.' }),
      );
    },
  );
});

test('no error carries a part of the value', () => {
  const values = [
    { secret: CANARY, list: [CANARY, Number.NaN] },
    { secret: CANARY, at: new Date(0) },
    [CANARY, () => CANARY],
    [CANARY, Symbol(CANARY)],
    new Error(CANARY),
    { toJSON: throwing(new Error(CANARY)) },
    Object.defineProperty({}, 'a', { enumerable: true, get: throwing(new Error(CANARY)) }),
  ];
  const errors = values.map(refusalOf);
  try {
    json.deserialize(`{"secret":"${CANARY}"`);
  } catch (error) {
    errors.push(error as CacheValueError);
  }
  for (const error of errors) {
    expect(inspect(error, { showHidden: true, depth: null }) + JSON.stringify(error)).not.toContain(CANARY);
  }
});
