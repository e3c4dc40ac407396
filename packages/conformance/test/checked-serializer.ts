import { crc32 } from 'node:zlib';
import { type BinarySerializer, CacheCorruptionError, jsonSerializer } from '@cache/core';

const FORMAT_BYTE = 0xf8;
const HEAD_BYTES = 5;
const json = jsonSerializer();

/** JSON behind a format byte and a checksum of both. */
export function checkedSerializer(): BinarySerializer {
  return {
    format: 'binary',
    formatByte: FORMAT_BYTE,
    serialize: (value) => checked(Buffer.from(json.serialize(value))),
    deserialize: (payload) => {
      const text = Buffer.from(payload.subarray(HEAD_BYTES));
      if (payload.length <= HEAD_BYTES || !checked(text).equals(payload))
        throw new CacheCorruptionError('What is stored is not what was written.');
      return json.deserialize(text.toString());
    },
  };
}

function checked(text: Buffer): Buffer {
  const payload = Buffer.concat([Buffer.alloc(HEAD_BYTES, FORMAT_BYTE), text]);
  payload.writeUInt32LE(crc32(text), 1);
  return payload;
}
