import { MAX_KEY_LENGTH } from '@cache/core';

/** The odd factors of FNV-1a and of lowbias32. */
const FNV_PRIME = 0x01000193;
const MIX = 0x7feb352d;
/** A sample is the end of a key, where keys differ most, and a few characters, evenly spaced, of what lies before. */
const TAIL_LENGTH = 12;
const HEAD_SAMPLES = 8;
const SAMPLE_LENGTH: number = TAIL_LENGTH + HEAD_SAMPLES;

/**
 * A 32-bit hash of a key: FNV-1a in lanes, since each waits for its own multiplication, with a seed per cache, so that nobody can
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
  return mixed(even, odd);
}

/**
 * The same of at most 20 characters, a nanosecond each, and the length. Keys that differ only elsewhere collide: who uses it has to notice, and to
 * fall back on `hashKey`.
 */
export function hashSample(key: string, seed: number): number {
  if (typeof key !== 'string' || key.length <= SAMPLE_LENGTH) return hashKey(key, seed);
  if (key.length > MAX_KEY_LENGTH) return 0;
  const tail = key.length - TAIL_LENGTH;
  const stride = Math.ceil(tail / HEAD_SAMPLES);
  let even = seed ^ key.length;
  let odd = ~seed;
  for (let i = key.length - 1; i > tail; i -= 2) {
    even = Math.imul(even ^ key.charCodeAt(i), FNV_PRIME);
    odd = Math.imul(odd ^ key.charCodeAt(i - 1), FNV_PRIME);
  }
  for (let i = 0; i < tail; i += stride) even = Math.imul(even ^ key.charCodeAt(i), FNV_PRIME);
  return mixed(even, odd);
}

function mixed(even: number, odd: number): number {
  let hash = even ^ Math.imul(odd ^ (odd >>> 15), MIX);
  hash = Math.imul(hash ^ (hash >>> 16), MIX);
  return hash ^ (hash >>> 15);
}
