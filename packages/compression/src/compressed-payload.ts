import { crc32 } from 'node:zlib';
import { CacheCorruptionError } from '@cache/core';

/**
 * What compression stores: ten bytes and the compressed ones.
 *
 * | offset | bytes | |
 * |--:|--:|---|
 * | 0 | 1 | 0xf3, which no text and no other format begins with |
 * | 1 | 1 | the algorithm, plus 0x80 if what was compressed is text |
 * | 2 | 4 | bytes before compression, little-endian |
 * | 6 | 4 | CRC-32 of bytes 0 to 5 and of all after this header, little-endian |
 */
export interface CompressedPayload {
  readonly algorithm: number;
  readonly isText: boolean;
  /** As the header has it: proven by nothing. */
  readonly declaredBytes: number;
  readonly data: Buffer;
}

/** The byte that every payload begins with. */
export const COMPRESSED_FORMAT_BYTE = 0xf3;
export const HEADER_BYTES = 10;

const TEXT_FLAG = 0x80;
const DECLARED_BYTES_AT = 2;
const CHECKSUM_AT = 6;

export function encodePayload({ algorithm, isText, declaredBytes, data }: CompressedPayload): Buffer {
  const payload = Buffer.allocUnsafe(HEADER_BYTES + data.length);
  payload[0] = COMPRESSED_FORMAT_BYTE;
  payload[1] = algorithm | (isText ? TEXT_FLAG : 0);
  payload.writeUInt32LE(declaredBytes, DECLARED_BYTES_AT);
  payload.set(data, HEADER_BYTES);
  payload.writeUInt32LE(checksum(payload), CHECKSUM_AT);
  return payload;
}

/** @throws CacheCorruptionError for what is cut off or has a flipped bit */
export function decodePayload(payload: Buffer): CompressedPayload {
  const flags = payload[1] ?? 0;
  if (payload.length < HEADER_BYTES || payload.readUInt32LE(CHECKSUM_AT) !== checksum(payload)) {
    throw new CacheCorruptionError('What is stored compressed was cut off or changed.');
  }
  return {
    algorithm: flags & ~TEXT_FLAG,
    isText: (flags & TEXT_FLAG) !== 0,
    declaredBytes: payload.readUInt32LE(DECLARED_BYTES_AT),
    data: payload.subarray(HEADER_BYTES),
  };
}

function checksum(payload: Buffer): number {
  return crc32(payload.subarray(HEADER_BYTES), crc32(payload.subarray(0, CHECKSUM_AT)));
}
