import { inspect, isDeepStrictEqual } from 'node:util';
import { type CacheValueError, hasErrorCode, jsonSerializer, MAX_VALUE_DEPTH } from '@cache/core';
import { richJsonSerializer } from '@cache/rich-json';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { plainValue } from './plain-value.ts';

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

describe('what rich JSON would change', () => {
  test.each<[kind: string, value: unknown, hint: string]>([
    ['class that extends URL', new (class Link extends URL {})('http://localhost'), 'an instance of Link'],
    ['URLSearchParams', new URLSearchParams('a=1'), 'an instance of URLSearchParams'],
    ['RegExp that goes on nowhere', Object.assign(/a/g, { lastIndex: Number.NaN }), 'lastIndex'],
    ['RegExp that goes on before its text', Object.assign(/a/g, { lastIndex: -0 }), 'lastIndex'],
    ['toJSON', { toJSON: () => 1 }, 'function'],
  ])('row 9: is refused with its path: %s', (kind, value, hint) => {
    const refusal = refusalOf({ a: [1, { 'b c': value }] });
    expect(refusal.path).toBe(`$.a[1]["b c"]${kind === 'toJSON' ? '.toJSON' : ''}`);
    expect(refusal.message).toContain(hint);
  });

  test('is refused: what the walk could read and JSON.stringify cannot', () => {
    const get = (): never => {
      throw new Error(CANARY);
    };
    expect(inspect(refusalOf([new Proxy({ a: 1 }, { get })]), { showHidden: true })).not.toContain(CANARY);
    const half = 'x'.repeat(2 ** 28);
    expect(refusalOf([half, half]).message).toContain('longer than a string can be');
  });
});

test('an option that does not exist is refused', () => {
  const misspelt = { errorStack: 'yes' } as unknown as { errorStack: 'keep' };
  expect(() => richJsonSerializer(misspelt)).toThrow(expect.objectContaining({ code: 'ERR_CACHE_OPTION' }));
});
