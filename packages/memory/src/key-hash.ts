import { MAX_KEY_LENGTH } from '@cache/core';

/** The odd factors of FNV-1a and of lowbias32. */
const FNV_PRIME = 0x01000193;
const MIX = 0x7feb352d;

/**
 * A 32-bit hash of a key: FNV-1a in two lanes, since one waits for its own multiplication, with a seed per cache, so that nobody can
 * prepare colliding keys; then mixed, since the index and the ghost read single bits. What cannot be a key hashes to 0: it is found nowhere.
 */
export function hashKey(key: string, seed: number): number {
  if (typeof key !== 'string' || key.length > MAX_KEY_LENGTH) return 0;
  let even = seed;
  let odd = ~seed;
  let i = key.length - 1;
  for (; i > 0; i -= 2) {
    even = Math.imul(even ^ key.charCodeAt(i), FNV_PRIME);
    odd = Math.imul(odd ^ key.charCodeAt(i - 1), FNV_PRIME);
  }
  if (i === 0) even = Math.imul(even ^ key.charCodeAt(0), FNV_PRIME);
  let hash = even ^ Math.imul(odd ^ (odd >>> 15), MIX);
  hash = Math.imul(hash ^ (hash >>> 16), MIX);
  return hash ^ (hash >>> 15);
}
