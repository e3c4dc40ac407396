import { type BinarySerializer, CacheCorruptionError, CacheValueError } from '@cache/core';
import { Price } from './price.ts';

/** One of those that are an application's own: see `BinarySerializer`. */
const FORMAT_BYTE = 0xf8;
const VERSION = 2;
const LENGTH = 13;

/** Prices in 13 bytes: the format, the version, the amount (64 bits, big-endian), the currency. */
export const priceBytes: BinarySerializer = {
  format: 'binary',
  formatByte: FORMAT_BYTE,
  serialize(value) {
    if (!(value instanceof Price)) throw new CacheValueError('Only prices are stored here.', { path: '$' });
    const bytes = Buffer.alloc(LENGTH);
    bytes.writeUInt8(FORMAT_BYTE, 0);
    bytes.writeUInt8(VERSION, 1);
    bytes.writeBigInt64BE(value.amount, 2);
    bytes.write(value.currency, 10, 'latin1');
    return bytes;
  },
  deserialize(payload) {
    const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
    try {
      if (bytes.length !== LENGTH || bytes[0] !== FORMAT_BYTE || bytes[1] !== VERSION)
        throw new RangeError('No price.');
      return new Price(bytes.readBigInt64BE(2), bytes.toString('latin1', 10));
    } catch {
      throw new CacheCorruptionError('What is stored is no price of a known version.');
    }
  },
};
