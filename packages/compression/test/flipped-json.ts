import { type BinarySerializer, CacheCorruptionError, jsonSerializer } from '@cache/core';

const json = jsonSerializer();

/** JSON with every bit turned over behind a format byte, or behind nothing that tells it from other bytes. */
export function flippedJson(formatByte?: number): BinarySerializer {
  const mark = formatByte === undefined ? [] : [formatByte];
  return {
    format: 'binary',
    ...(formatByte === undefined ? undefined : { formatByte }),
    serialize: (value) => Buffer.from([...mark, ...Buffer.from(json.serialize(value)).map((byte) => ~byte)]),
    deserialize: (bytes) => {
      if (formatByte !== undefined && bytes[0] !== formatByte) throw new CacheCorruptionError('Another format.');
      return json.deserialize(Buffer.from(bytes.subarray(mark.length).map((byte) => ~byte)).toString());
    },
  };
}
