/** How many slots a Redis Cluster has. */
const SLOT_COUNT = 16_384;

/** CRC-16/XMODEM, one entry a byte: the checksum of the Redis Cluster specification, appendix A. */
const CRC_TABLE: Uint16Array = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8;
  for (let bit = 0; bit < 8; bit += 1) crc = crc & 0x8000 ? ((crc << 1) ^ 0x1021) & 0xffff : (crc << 1) & 0xffff;
  return crc;
});

/**
 * The slot of a key: the checksum of the part between the first `{` and the next `}`, if that is not empty, or of the
 * whole key (Redis Cluster specification, "Key distribution model").
 */
export function keySlot(key: string): number {
  const open = key.indexOf('{');
  const close = open === -1 ? -1 : key.indexOf('}', open + 1);
  const hashed = close > open + 1 ? key.slice(open + 1, close) : key;
  let crc = 0;
  for (const byte of Buffer.from(hashed, 'utf8')) crc = ((crc << 8) & 0xffff) ^ (CRC_TABLE[(crc >> 8) ^ byte] ?? 0);
  return crc % SLOT_COUNT;
}
