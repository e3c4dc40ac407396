import { serialize as clone } from 'node:v8';
import { CacheCorruptionError, CacheOptionError, CacheValueError } from '@cache/core';
import { checkClonable } from './check-clonable.ts';
import { readClone } from './read-clone.ts';
import { SIGNATURE_BYTES, Signer } from './signer.ts';

/** A `BinarySerializer` whose answers are at hand at once. */
export interface V8Serializer {
  readonly format: 'binary';
  /** The byte that every payload begins with: 0xf2. */
  readonly formatByte: number;
  /** @throws CacheValueError */
  serialize(value: unknown): Uint8Array;
  /** @throws CacheCorruptionError */
  deserialize(payload: Uint8Array): unknown;
}

/** The keys of the application. */
export interface V8SerializerOptions {
  /**
   * The secret that payloads are signed with, of at least 32 bytes: `randomBytes(32)`, the same in all processes that
   * share the cache, and in no store that the cache is in.
   */
  readonly key: string | Uint8Array;

  /**
   * Keys that were used before: what they signed is still read.
   * @default none
   */
  readonly previousKeys?: readonly (string | Uint8Array)[];
}

const FORMAT_BYTE = 0xf2;

/** The format byte and the version of what follows: signature, then V8's bytes. */
const HEADER = Uint8Array.of(FORMAT_BYTE, 1);
const BODY_AT = HEADER.length + SIGNATURE_BYTES;

/**
 * Structured clone as V8 writes it, signed with HMAC-SHA-256. What the application's key has not signed is refused before
 * a byte of it reaches V8, which can be made to build an array of four billion elements by 15 bytes.
 *
 * Kept exactly: plain objects, arrays, primitives, Date, Map, Set, RegExp, built-in errors, boxed primitives, ArrayBuffer,
 * DataView, Buffer, typed arrays, objects that are referred to twice, and cycles. Refused, with the path that is at fault
 * (`$.a[2].b`): instances of other classes, functions, symbols, holes, getters, and what structured clone would lose.
 *
 * @throws CacheOptionError without options, for a key of less than 32 bytes, and for `previousKeys` that are no list
 */
export function v8Serializer(options: V8SerializerOptions): V8Serializer {
  if (typeof options !== 'object' || options === null)
    throw new CacheOptionError('v8Serializer takes options with a key of at least 32 bytes: v8Serializer({ key }).');
  const { key, previousKeys = [] } = options;
  const signer = new Signer(key, previousKeys);
  return {
    format: 'binary',
    formatByte: FORMAT_BYTE,
    serialize: (value) => {
      checkClonable(value);
      const body = cloned(value);
      return Buffer.concat([HEADER, signer.sign(HEADER, body), body]);
    },
    deserialize: (payload) => {
      if (payload[0] !== FORMAT_BYTE || payload[1] !== HEADER[1] || payload.length < BODY_AT)
        throw new CacheCorruptionError('What is stored does not begin as a payload of @cache/v8-serializer does.');
      const body = payload.subarray(BODY_AT);
      if (!signer.isSigned(payload.subarray(HEADER.length, BODY_AT), HEADER, body))
        throw new CacheCorruptionError('What is stored is not signed with a key of this cache.');
      try {
        return readClone(body);
      } catch {
        throw new CacheCorruptionError('What is stored was written by a version of V8 that this Node cannot read.');
      }
    },
  };
}

function cloned(value: unknown): Buffer {
  try {
    return clone(value);
  } catch {
    // V8's message may quote the value.
    throw new CacheValueError('The value cannot be cloned.', { path: '$' });
  }
}
