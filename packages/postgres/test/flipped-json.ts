import { type BinarySerializer, CacheCorruptionError, jsonSerializer } from '@cache/core';

const json = jsonSerializer();

/** JSON with every bit turned over behind a format byte. */
export function flippedJson(formatByte: number): BinarySerializer {
  return {
    format: 'binary',
    formatByte,
    serialize: (value) =>
      Uint8Array.from([formatByte, ...Buffer.from(json.serialize(value))], (byte, i) => (i === 0 ? byte : ~byte)),
    deserialize: (bytes) => {
      if (bytes[0] !== formatByte) throw new CacheCorruptionError('These bytes were not written by this serializer.');
      return json.deserialize(Buffer.from(bytes.subarray(1).map((byte) => ~byte)).toString());
    },
  };
}
