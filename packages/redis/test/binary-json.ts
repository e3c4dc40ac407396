import { type BinarySerializer, jsonSerializer } from '@cache/core';

const json = jsonSerializer();

/** JSON with every bit turned over, behind the byte that frames begin with: bytes that are neither text nor a frame. */
export const binaryJson: BinarySerializer = {
  format: 'binary',
  serialize: (value) =>
    Uint8Array.from([1, ...Buffer.from(json.serialize(value))], (byte, i) => (i === 0 ? byte : ~byte)),
  deserialize: (bytes) => json.deserialize(Buffer.from(bytes.subarray(1).map((byte) => ~byte)).toString()),
};
