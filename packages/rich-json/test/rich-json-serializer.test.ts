import { inspect, isDeepStrictEqual } from 'node:util';
import { type CacheValueError, hasErrorCode, jsonSerializer, MAX_VALUE_DEPTH } from '@cache/core';
import { richJsonSerializer } from '@cache/rich-json';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { plainValue, richValue } from './rich-value.ts';

const CANARY = 'canary-7f3a91';
const rich = richJsonSerializer();
const withStacks = richJsonSerializer({ errorStack: 'keep' });
const plain = jsonSerializer();
const roundTrip = (value: unknown) => rich.deserialize(rich.serialize(value));

function refusalOf(value: unknown): CacheValueError {
  try {
    rich.serialize(value);
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

describe('what rich JSON holds', () => {
  test('rows 7, 8 and 10: comes back exactly, whatever it is', () => {
    fc.assert(
      fc.property(richValue, (value) => {
        const payload = withStacks.serialize(value);
        expectSame(value, withStacks.deserialize(payload));
        expect(withStacks.serialize(withStacks.deserialize(payload))).toBe(payload);
      }),
      { numRuns: 500 },
    );
  });

  test('is not changed by being written', () => {
    fc.assert(
      fc.property(richValue, (value) => {
        const before = inspect(value, { depth: null });
        rich.serialize(value);
        expect(inspect(value, { depth: null })).toBe(before);
      }),
    );
  });

  test.each<[what: string, value: unknown, text: string]>([
    ['a Date', new Date(0), '{"$rich:Date":"1970-01-01T00:00:00.000Z"}'],
    ['a Date that is none', new Date(Number.NaN), '{"$rich:Date":null}'],
    ['a Map', new Map([[{ a: 1 }, 'b']]), '{"$rich:Map":[[{"a":1},"b"]]}'],
    ['a Set', new Set(['a']), '{"$rich:Set":["a"]}'],
    ['a BigInt', -12n, '{"$rich:BigInt":"-12"}'],
    ['a BigInt of many digits', -(16n ** 300n), `{"$rich:BigInt":"-0x1${'0'.repeat(300)}"}`],
    ['NaN', Number.NaN, '{"$rich:number":"NaN"}'],
    ['Infinity', Number.POSITIVE_INFINITY, '{"$rich:number":"Infinity"}'],
    ['-Infinity', Number.NEGATIVE_INFINITY, '{"$rich:number":"-Infinity"}'],
    ['-0', -0, '{"$rich:number":"-0"}'],
    ['undefined', undefined, '{"$rich:undefined":true}'],
    ['a URL', new URL('http://localhost/a?b#c'), '{"$rich:URL":"http://localhost/a?b#c"}'],
    ['a RegExp', /a\/b/gi, '{"$rich:RegExp":["a\\\\/b","gi"]}'],
    ['a RegExp under way', Object.assign(/a/g, { lastIndex: 2 }), '{"$rich:RegExp":["a","g",2]}'],
    ['bytes', new Uint8Array([1, 2]), '{"$rich:Uint8Array":"AQI="}'],
    ['a Buffer', Buffer.from('ab'), '{"$rich:Buffer":"YWI="}'],
    ['an ArrayBuffer', new ArrayBuffer(2), '{"$rich:ArrayBuffer":"AAA="}'],
    ['floats', new Float32Array([1]), '{"$rich:Float32Array":"AACAPw=="}'],
    ['an Error', new TypeError('e', { cause: 1 }), '{"$rich:Error":{"class":"TypeError","message":"e","cause":1}}'],
  ])('%s is this text, now and in later versions', (_, value, text) => {
    expect(rich.serialize(value)).toBe(text);
    expect(rich.serialize(rich.deserialize(text))).toBe(text);
  });

  test('keeps where a RegExp goes on', () => {
    expect((roundTrip(Object.assign(/a/g, { lastIndex: 2 })) as RegExp).lastIndex).toBe(2);
  });

  test('gives bytes memory of their own', () => {
    expect((roundTrip(new Uint8Array([1, 2])) as Uint8Array).buffer.byteLength).toBe(2);
  });

  test('row 11: may be nested 200 deep, and no deeper', () => {
    const arrays = (depth: number): unknown => (depth === 1 ? [-0] : [arrays(depth - 1)]);
    const maps = (depth: number): unknown => (depth === 1 ? new Map() : new Map([['k', maps(depth - 1)]]));
    const sets = (depth: number): unknown => (depth === 1 ? new Set() : new Set([sets(depth - 1)]));
    const causes = (depth: number): unknown => new Error('e', depth === 1 ? {} : { cause: causes(depth - 1) });
    const tags = (depth: number): unknown => (depth === 1 ? {} : { '$rich:Date': tags(depth - 1) });
    for (const nest of [arrays, maps, sets, causes, tags]) {
      expect(rich.serialize(roundTrip(nest(MAX_VALUE_DEPTH)))).toBe(rich.serialize(nest(MAX_VALUE_DEPTH)));
      expect(refusalOf(nest(MAX_VALUE_DEPTH + 1)).message).toContain('200 deep');
    }
  });
});

test('every kind can lie at the deepest level', () => {
  const leaves = [-0, 1n, undefined, new Date(0), new URL('http://localhost/'), Object.assign(/a/g, { lastIndex: 1 })];
  for (const leaf of [...leaves, new Uint8Array([1]), Buffer.from('a'), new ArrayBuffer(1)]) {
    let value: unknown = leaf;
    for (let depth = 0; depth < MAX_VALUE_DEPTH; depth += 1) value = [value];
    expect(rich.serialize(roundTrip(value))).toBe(rich.serialize(value));
  }
});

describe('a plain value', () => {
  test('is the text that core writes, and the other way round', () => {
    fc.assert(
      fc.property(plainValue, (value) => {
        const text = plain.serialize(value);
        expect(rich.serialize(value)).toBe(text);
        expectSame(plain.deserialize(text), rich.deserialize(text));
      }),
      { numRuns: 500 },
    );
  });

  test('that core wrote with -0 is read as it was', () => {
    expect(Object.is(rich.deserialize(plain.serialize(-0)), -0)).toBe(true);
  });

  test.each<[name: string, stored: string]>([
    ['$rich:Date', '$$rich:Date'],
    ['$rich:', '$$rich:'],
    ['$$rich:Map', '$$$rich:Map'],
    ['$date', '$date'],
    ['$ref', '$ref'],
    ['x$rich:Date', 'x$rich:Date'],
  ])('with the only name %s is stored under %s', (name, stored) => {
    const value = { [name]: [1, { [name]: new Date(0) }] };
    expect(Object.keys(JSON.parse(rich.serialize(value)) as object)).toEqual([stored]);
    expectSame(value, roundTrip(value));
  });

  test('is no tag if it has another name beside', () => {
    const value = { '$rich:Date': 'x', other: 1 };
    expect(rich.serialize(value)).toBe(JSON.stringify(value));
    expectSame(value, roundTrip(value));
  });
});

describe('an Error', () => {
  const failure = Object.assign(new RangeError('out of range', { cause: new Error('below') }), {
    code: 'E_RANGE',
    at: new Date(0),
  });

  test('keeps class, message, cause and properties, and its stack says only what it is', () => {
    const back = roundTrip(failure) as typeof failure;
    expect(back).toBeInstanceOf(RangeError);
    expect(back.message).toBe('out of range');
    expect((back.cause as Error).message).toBe('below');
    expect(back.code).toBe('E_RANGE');
    expect(back.at).toEqual(new Date(0));
    expect(back.stack).toBe('RangeError: out of range');
    expect(Object.keys(back)).toEqual(['code', 'at']);
    expect(rich.serialize(failure)).not.toContain(import.meta.url);
  });

  test('keeps its stack where that is asked for', () => {
    const back = withStacks.deserialize(withStacks.serialize(failure)) as Error;
    expect(back.stack).toBe(failure.stack);
    expectSame(failure, back);
  });

  test('may have no message, a name of its own, and errors', () => {
    expect(Object.hasOwn(roundTrip(new Error()) as Error, 'message')).toBe(false);
    const named = new Error('m');
    named.name = 'NotFound';
    expect(String(roundTrip(named))).toBe('NotFound: m');
    const hidden = Object.defineProperty(new Error('m'), 'name', { value: 'Hidden', enumerable: false });
    expect(String(roundTrip(hidden))).toBe('Hidden: m');
    const several = roundTrip(new AggregateError([new Error('a'), 2], 'm')) as AggregateError;
    expect(several).toBeInstanceOf(AggregateError);
    expect(several.errors.map(String)).toEqual(['Error: a', '2']);
  });

  test('is refused, with its path, for what would be lost', () => {
    expect(refusalOf({ a: new (class NotFound extends Error {})('m') }).message).toContain('an instance of NotFound');
    expect(refusalOf({ a: new Error('m', { cause: () => 1 }) }).path).toBe('$.a.cause');
    expect(refusalOf({ a: Object.assign(new Error('m'), { f: () => 1 }) }).path).toBe('$.a.properties.f');
    expect(refusalOf({ a: Object.defineProperty(new Error('m'), 'h', { value: 1 }) }).path).toBe('$.a');
    expect(refusalOf({ a: Object.assign(new Error('m'), { [Symbol('s')]: 1 }) }).path).toBe('$.a');
    expect(refusalOf({ a: Object.defineProperty(new Error(), 'message', { get: () => 'm' }) }).path).toBe('$.a');
  });

  test('keeps no stack unless asked, however the stack was set', () => {
    const shown = Object.defineProperty(new Error('m'), 'stack', { value: CANARY, enumerable: true });
    expect(rich.serialize(shown)).not.toContain(CANARY);
    expect((roundTrip(shown) as Error).stack).toBe('Error: m');
    expect((withStacks.deserialize(withStacks.serialize(shown)) as Error).stack).toBe(CANARY);
  });
});

class Point {
  readonly x = 1;
}

describe('what rich JSON would change', () => {
  test.each<[kind: string, value: unknown, hint: string]>([
    ['function', () => 1, 'function'],
    ['symbol', Symbol('s'), 'symbol'],
    ['instance of a class', new Point(), 'an instance of Point'],
    ['class that extends Map', new (class Registry extends Map {})(), 'an instance of Registry'],
    ['class that extends Date', new (class Day extends Date {})(), 'an instance of Day'],
    ['class that extends Uint8Array', new (class Bytes extends Uint8Array {})(1), 'an instance of Bytes'],
    ['class that extends URL', new (class Link extends URL {})('http://localhost'), 'an instance of Link'],
    ['URLSearchParams', new URLSearchParams('a=1'), 'an instance of URLSearchParams'],
    ['Promise', Promise.resolve(), 'an instance of Promise'],
    ['boxed number', new Number(1), 'an instance of Number'],
    ['array with holes', new Array(2), 'holes'],
    ['result of a match', 'abc'.match(/b/), 'properties of its own'],
    ['Set with properties', Object.assign(new Set(), { note: 1 }), 'added'],
    ['Map with a key that is a symbol', Object.assign(new Map(), { [Symbol('s')]: 1 }), 'added'],
    [
      'Set that lists other members',
      Object.defineProperty(new Set([1]), Symbol.iterator, { value: () => [][Symbol.iterator]() }),
      'added',
    ],
    ['Date with a hidden property', Object.defineProperty(new Date(), 'h', { value: 1 }), 'added'],
    ['RegExp with properties', Object.assign(/a/, { note: 1 }), 'added'],
    ['array with a key that is a symbol', Object.assign([1], { [Symbol('s')]: 1 }), 'symbol'],
    ['RegExp that goes on nowhere', Object.assign(/a/g, { lastIndex: Number.NaN }), 'lastIndex'],
    ['RegExp that goes on before its text', Object.assign(/a/g, { lastIndex: -0 }), 'lastIndex'],
    ['key that is a symbol', { [Symbol('s')]: 1 }, 'symbol'],
    ['hidden property', Object.defineProperty({}, 'h', { value: 1 }), 'not enumerable'],
    ['toJSON', { toJSON: () => 1 }, 'function'],
    ['shared memory', new Uint8Array(new SharedArrayBuffer(1)), 'shared'],
  ])('row 9: is refused with its path: %s', (kind, value, hint) => {
    const refusal = refusalOf({ a: [1, { 'b c': value }] });
    expect(refusal.path).toBe(`$.a[1]["b c"]${kind === 'toJSON' ? '.toJSON' : ''}`);
    expect(refusal.message).toContain(hint);
  });

  test('row 9: is refused: getters, cycles, and what throws when it is read', () => {
    const getter = Object.defineProperty({}, 'b', { enumerable: true, get: () => 1 });
    expect(refusalOf({ a: getter }).path).toBe('$.a.b');
    const cycle: unknown[] = [];
    cycle.push(new Map([['k', cycle]]));
    expect(refusalOf(cycle).message).toContain('in a cycle');
    const ownKeys = (): never => {
      throw new Error(CANARY);
    };
    expect(refusalOf([new Proxy({}, { ownKeys })]).path).toBe('$[0]');
  });

  test('is refused: what the walk could read and JSON.stringify cannot', () => {
    const get = (): never => {
      throw new Error(CANARY);
    };
    expect(inspect(refusalOf([new Proxy({ a: 1 }, { get })]), { showHidden: true })).not.toContain(CANARY);
    const half = 'x'.repeat(2 ** 28);
    expect(refusalOf([half, half]).message).toContain('longer than a string can be');
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
        let payload: string;
        try {
          payload = rich.serialize(value);
        } catch (error) {
          expect(hasErrorCode(error, 'ERR_CACHE_VALUE')).toBe(true);
          return;
        }
        expect(rich.deserialize(payload)).toEqual(value);
      }),
      { numRuns: 500 },
    );
  });
});

test('no error carries a part of the value, and the next call works', () => {
  for (const value of [{ secret: CANARY, f: () => CANARY }, [CANARY, Symbol(CANARY)], new Map([[CANARY, () => 1]])]) {
    const refusal = refusalOf(value);
    expect(inspect(refusal, { showHidden: true, depth: null }) + JSON.stringify(refusal)).not.toContain(CANARY);
    expectSame([CANARY], roundTrip([CANARY]));
  }
});

test('an option that does not exist is refused', () => {
  const misspelt = { errorStack: 'yes' } as unknown as { errorStack: 'keep' };
  expect(() => richJsonSerializer(misspelt)).toThrow(expect.objectContaining({ code: 'ERR_CACHE_OPTION' }));
});
