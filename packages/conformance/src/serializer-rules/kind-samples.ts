import { EVERY_KIND, type KeptKinds } from '../serializer-options.ts';

/** What each kind is called in the title of a rule. */
export const KIND_TITLES: Readonly<Record<keyof KeptKinds, string>> = {
  date: 'a Date',
  map: 'a Map',
  set: 'a Set',
  bigint: 'a BigInt',
  undefined: 'undefined as a member',
  nonFiniteNumber: 'NaN and Infinity',
  uint8Array: 'a Uint8Array',
  buffer: 'a Buffer',
  typedArray: 'an ArrayBuffer, a DataView and typed arrays',
  regExp: 'a RegExp',
  url: 'a URL',
  error: 'an Error with its cause',
  cycle: 'an object that holds itself',
  loneSurrogate: 'half a surrogate pair',
  boxedPrimitive: 'a Number, String or Boolean object',
};

/** Every kind. */
export const KINDS = Object.keys(EVERY_KIND) as readonly (keyof KeptKinds)[];

/** The odd values of each kind. */
export const KIND_SAMPLES: Readonly<Record<keyof KeptKinds, readonly unknown[]>> = {
  date: [new Date(0), new Date(-1), new Date(1_700_000_000_123), new Date(8.64e15), new Date(Number.NaN)],
  map: [
    new Map(),
    new Map<unknown, unknown>([
      ['b', 1],
      [1, 'one'],
      ['1', ['one']],
      [{ a: 1 }, null],
      [true, ''],
      ['a', 2],
    ]),
  ],
  set: [new Set(), new Set(['b', 1, '1', 'a', true, null, [0], ['1']])],
  bigint: [0n, 1n, -1n, 2n ** 53n, 2n ** 64n, -(2n ** 64n), 3n ** 300n],
  undefined: [[undefined], [1, undefined, 2]],
  nonFiniteNumber: [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
  uint8Array: [new Uint8Array(), Uint8Array.of(0, 255, 128).subarray(1), new Uint8Array(300).fill(7)],
  buffer: [Buffer.alloc(0), Buffer.from('aé'), Buffer.alloc(300, 7)],
  typedArray: [
    new ArrayBuffer(3),
    Uint8Array.of(1, 2).buffer,
    new DataView(Uint8Array.of(1, 2, 3).buffer),
    Int8Array.of(-1),
    Uint8ClampedArray.of(255),
    Int16Array.of(-2),
    Uint16Array.of(65_535),
    Int32Array.of(-3),
    Uint32Array.of(4_294_967_295),
    Float32Array.of(0.5),
    Float64Array.of(-0, Number.NaN, 1e300),
    BigInt64Array.of(-1n),
    BigUint64Array.of(2n ** 64n - 1n),
  ],
  regExp: [/a\/[\]\\]b/giu, /(?:)/, /\u{1f600}/u],
  url: [new URL('http://user@localhost:8080/a%20b?c=d&c=#e'), new URL('data:text/plain,a')],
  error: [
    new Error('what is wrong'),
    new TypeError('above', { cause: new RangeError('below', { cause: ['why'] }) }),
    new Error(''),
  ],
  cycle: [ring()],
  loneSurrogate: ['\ud800', 'a\udc00b', '\udc00\ud800', { 'a\ud800': 1 }],
  boxedPrimitive: [new Number(1.5), new String('ab'), new Boolean(false)],
};

function ring(): object {
  const outer: Record<string, unknown> = { name: 'outer' };
  outer['inner'] = [{ outer }];
  return outer;
}
