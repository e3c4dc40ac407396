import type { Awaitable, Serializer } from '@cache/core';

/**
 * What a format can keep beyond what every serializer must: strings, numbers with -0, booleans, `null` within a value,
 * arrays and plain objects. What it is not declared to keep, it must refuse.
 */
export interface KeptKinds {
  /** Date, one that is none included. */
  readonly date: boolean;
  /** Map, whatever its keys are, in its order. */
  readonly map: boolean;
  /** Set, in its order. */
  readonly set: boolean;
  /** BigInt of any size. */
  readonly bigint: boolean;
  /** `undefined` as an element and as a property. */
  readonly undefined: boolean;
  /** NaN, Infinity and -Infinity. */
  readonly nonFiniteNumber: boolean;
  /** Uint8Array. */
  readonly uint8Array: boolean;
  /** Node's Buffer, as a Buffer. */
  readonly buffer: boolean;
  /** ArrayBuffer, DataView and the other typed arrays. */
  readonly typedArray: boolean;
  /** RegExp. */
  readonly regExp: boolean;
  /** URL. */
  readonly url: boolean;
  /** Error, TypeError and RangeError with message and cause; the stack may be left out. */
  readonly error: boolean;
  /** Objects that hold themselves. */
  readonly cycle: boolean;
  /** Strings and names with half a surrogate pair, which have no UTF-8. */
  readonly loneSurrogate: boolean;
  /** Number, String and Boolean objects. */
  readonly boxedPrimitive: boolean;
}

/** Everything: hand it over whole, or with what your format lacks set to `false`. */
export const EVERY_KIND: KeptKinds = {
  date: true,
  map: true,
  set: true,
  bigint: true,
  undefined: true,
  nonFiniteNumber: true,
  uint8Array: true,
  buffer: true,
  typedArray: true,
  regExp: true,
  url: true,
  error: true,
  cycle: true,
  loneSurrogate: true,
  boxedPrimitive: true,
};

/** What was stored before, and what it must be read as. */
export interface StoredPayload {
  readonly payload: string | Uint8Array;
  readonly value: unknown;
}

/** What the suite needs to know of a serializer. */
export interface SerializerConformanceOptions {
  /** For the titles of the tests. */
  readonly name: string;

  /** Makes a serializer as another process of the same application would make it: with the same options and keys. */
  readonly create: () => Awaitable<Serializer>;

  /**
   * What it keeps beyond what JSON holds.
   * @default nothing
   */
  readonly keeps?: Partial<KeptKinds>;

  /**
   * Values of the only kinds that it takes, such as instances of your classes: everything else it must refuse. A few of each
   * kind, the odd ones among them.
   * @default whatever JSON holds and `keeps` names
   */
  readonly values?: readonly NonNullable<unknown>[];

  /**
   * What becomes of instances of classes that it does not know, and of hidden properties: refused, or plain objects of what
   * JSON sees of them.
   * @default 'refused'
   */
  readonly classInstances?: 'refused' | 'data';

  /**
   * What damage its payloads tell: `'every-change'` with a checksum or a signature in all that is bytes, `'truncation'` when
   * they end early or go on, `'nothing'`.
   * @default 'truncation'
   */
  readonly detects?: 'every-change' | 'truncation' | 'nothing';

  /**
   * Whether a value is always written as the same payload. `removeIfEquals` and `setTtlIfEquals` need it; encryption with
   * fresh random bytes cannot have it.
   * @default true
   */
  readonly isDeterministic?: boolean;

  /**
   * Payloads from earlier versions and other processes, which must be read for as long as they may be stored.
   * @default none
   */
  readonly stored?: readonly StoredPayload[];

  /**
   * Texts that must appear nowhere, such as the key it signs with.
   * @default none
   */
  readonly secrets?: readonly string[];

  /**
   * Where random values and damage begin. A failure says it, so that it can be had again.
   * @default one at random
   */
  readonly seed?: number;

  /**
   * When a call that answers with a promise counts as hanging, in milliseconds.
   * @default 30,000
   */
  readonly callLimitMs?: number;
}
