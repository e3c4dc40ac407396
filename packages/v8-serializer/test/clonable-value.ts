import fc, { type Arbitrary } from 'fast-check';

const name = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 6 }),
  fc.constantFrom('__proto__', 'constructor', 'toJSON', ''),
);

const leaf = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.string({ minLength: 190, maxLength: 300 }),
  fc.double(),
  fc.integer(),
  fc.maxSafeInteger(),
  fc.constantFrom(null, true, false, undefined, -0, 0, 2 ** 53, -(2 ** 53), 2 ** 64, 2 ** 32, -(2 ** 31) - 1),
  fc.bigInt(),
  fc.date(),
  fc.constantFrom(/a\/b/giu, new Number(-0), new String('s'), new Boolean(false), Object(1n), '\ud800'),
  fc.uint8Array({ maxLength: 300 }),
  fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
  fc.uint8Array({ maxLength: 40 }).map((bytes) => bytes.slice().buffer),
  fc.uint8Array({ maxLength: 40 }).map((bytes) => new DataView(bytes.slice().buffer)),
  fc.oneof(
    fc.int8Array(),
    fc.uint8ClampedArray(),
    fc.int16Array(),
    fc.uint16Array(),
    fc.int32Array(),
    fc.uint32Array(),
    fc.float32Array(),
    fc.float64Array(),
    fc.bigInt64Array(),
    fc.bigUint64Array(),
  ),
);

/** Any value of the kinds that structured clone keeps. */
export const clonableValue: Arbitrary<unknown> = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    leaf,
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(name, tie('value'), { maxKeys: 4, noNullPrototype: true }),
    fc.array(fc.tuple(tie('value'), tie('value')), { maxLength: 3 }).map((entries) => new Map(entries)),
    fc.array(tie('value'), { maxLength: 4 }).map((members) => new Set(members)),
    fc
      .tuple(fc.constantFrom(Error, TypeError, RangeError), fc.string(), tie('value'))
      .map(([type, message, cause]) => new type(message, { cause })),
    fc.array(tie('value'), { minLength: 1, maxLength: 3 }).map(tiedTogether),
  ),
})).value;

/** The members twice each, and the whole within itself. */
function tiedTogether(members: unknown[]): unknown {
  const whole: unknown[] = [...members, { again: members }];
  whole.push(new Map([['whole', whole]]));
  return whole;
}
