import { CacheCorruptionError, CacheValueError, hasErrorCode } from '@cache/core';
import { MsgpackReader } from './msgpack-reader.ts';
import { MsgpackWriter } from './msgpack-writer.ts';

/** A `BinarySerializer` whose answers are at hand at once. */
export interface MsgpackSerializer {
  readonly format: 'binary';
  /** The byte that every payload begins with: 0xf1. */
  readonly formatByte: number;
  /** @throws CacheValueError */
  serialize(value: unknown): Uint8Array;
  /** @throws CacheCorruptionError */
  deserialize(payload: Uint8Array): unknown;
}

const FORMAT_BYTE = 0xf1;

/**
 * MessagePack that gives back what it was given, or refuses with the path that is at fault (`$.a[2].b`).
 *
 * Kept exactly: plain objects and arrays, strings, every number, BigInt, `undefined`, Date, Map, Set, ArrayBuffer, DataView,
 * Buffer and typed arrays. Refused: instances of other classes, functions, symbols, holes, getters, cycles, lone surrogates.
 * What comes back shares no memory with the payload.
 */
export function msgpackSerializer(): MsgpackSerializer {
  const writer = new MsgpackWriter();
  const reader = new MsgpackReader();
  return {
    format: 'binary',
    formatByte: FORMAT_BYTE,
    serialize: (value) => {
      const bytes = written(writer, value);
      const payload = new Uint8Array(bytes.length + 1);
      payload[0] = FORMAT_BYTE;
      payload.set(bytes, 1);
      return payload;
    },
    deserialize: (payload) => {
      if (payload[0] !== FORMAT_BYTE)
        throw new CacheCorruptionError('What is stored does not begin as MessagePack of @cache/msgpack does.');
      try {
        return reader.read(new Uint8Array(payload.buffer, payload.byteOffset + 1, payload.byteLength - 1));
      } catch {
        // What the decoder threw may quote what is stored.
        throw new CacheCorruptionError('What is stored is not MessagePack as @cache/msgpack writes it.');
      }
    },
  };
}

function written(writer: MsgpackWriter, value: unknown): Uint8Array {
  try {
    return writer.write(value);
  } catch (error) {
    if (hasErrorCode(error, 'ERR_CACHE_VALUE')) throw error;
    throw new CacheValueError('The value cannot be written as MessagePack: it changes while it is read.', {
      path: '$',
    });
  }
}
