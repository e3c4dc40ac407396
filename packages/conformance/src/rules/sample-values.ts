/** Strings that a careless backend takes for something else. */
export const STRINGS: readonly string[] = [
  '',
  ' ',
  '123',
  '-0',
  '1e5',
  'NaN',
  'null',
  'undefined',
  'true',
  'false',
  '{"a":1}',
  '[1]',
  '"quoted"',
  'a\\b',
  "it's",
  'a\r\nb',
  '\u0000',
  'a\u0000b',
  '\\u0000',
  '\u0001----------------',
  '\u001f\u007f',
  '\u2028\u2029',
  '\ufeffbom',
  '\uffff',
  '😀',
  'e\u0301',
  '%s %d',
  '$1 $&',
  '__proto__',
  'x'.repeat(100_000),
  '€'.repeat(10_000),
];

/** Values that JSON holds exactly. */
export const EXACT_VALUES: readonly unknown[] = [
  0,
  -0,
  1,
  -1,
  1.5,
  0.1 + 0.2,
  1e21,
  -1e-7,
  Number.MAX_SAFE_INTEGER,
  Number.MIN_SAFE_INTEGER,
  2 ** 53,
  2 ** 64,
  Number.MAX_VALUE,
  Number.MIN_VALUE,
  Number.EPSILON,
  true,
  false,
  [],
  {},
  [[]],
  [{}],
  { a: {} },
  { a: [] },
  [null],
  { a: null },
  [0, -0, '0', false, ''],
  { b: 1, a: 2, '': 3, 'a.b': 4, 'a b': 5, '0': 6, '\u0000': 7, '\n': 8, '"': 9 },
  { constructor: 1, toString: 2, hasOwnProperty: 3, length: 4 },
  JSON.parse('{"__proto__":1}'),
  { text: 'a\u0000b', nested: { deep: [{ er: ['-0', -0] }] } },
  Array.from({ length: 1000 }, (_, index) => ({ index, name: `n${index}` })),
];

/** Values that JSON has no place for, by name. */
export const INEXACT_VALUES: Readonly<Record<string, NonNullable<unknown>>> = {
  Date: new Date(0),
  'Date that is none': new Date(Number.NaN),
  Map: new Map([['a', 1]]),
  Set: new Set([1]),
  RegExp: /a/g,
  BigInt: 10n,
  NaN: Number.NaN,
  Infinity: Number.POSITIVE_INFINITY,
  '-Infinity': Number.NEGATIVE_INFINITY,
  symbol: Symbol('s'),
  function: () => 1,
  Uint8Array: new Uint8Array([1, 2]),
  Buffer: Buffer.from('a'),
  ArrayBuffer: new ArrayBuffer(2),
  Error: new Error('e'),
  URL: new URL('http://localhost/'),
  URLSearchParams: new URLSearchParams('a=1'),
  'undefined in an array': [undefined],
  cycle: cycle(),
  'throwing getter': throwingGetter(),
  'throwing toJSON': throwingToJson(),
};

/** An array so many levels deep. */
export function nested(depth: number): NonNullable<unknown> {
  let value: NonNullable<unknown> = [];
  for (let level = 1; level < depth; level += 1) value = [value];
  return value;
}

function cycle(): NonNullable<unknown> {
  const value: Record<string, unknown> = {};
  value['self'] = value;
  return value;
}

function throwingGetter(): NonNullable<unknown> {
  return Object.defineProperty({}, 'a', {
    enumerable: true,
    get: () => {
      throw new Error('a getter that throws');
    },
  });
}

function throwingToJson(): NonNullable<unknown> {
  return {
    toJSON: () => {
      throw new Error('a toJSON that throws');
    },
  };
}
