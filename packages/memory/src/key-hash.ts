/** Characters hashed one by one, counted from the end, where keys differ most. */
const TAIL_LENGTH = 24;
/** Characters sampled, evenly spaced, from what lies before the tail. */
const HEAD_SAMPLES = 8;
/** The odd factors of FNV-1a and of lowbias32. */
const FNV_PRIME = 0x01000193;
const MIX = 0x7feb352d;

/**
 * A 32-bit hash of a key, for the frequency sketch alone: the index is a `Map`, which has V8's own hash.
 * At most 32 characters are read, so a key of 1,024 costs no more than one of 32; keys that differ only elsewhere
 * share a frequency, which may cost a hit and nothing else. FNV-1a in two lanes, since one waits for its own multiplication, with a seed
 * per cache so that nobody can prepare colliding keys; then mixed, since the sketch reads single bits. Never 0.
 */
export function hashKey(key: string, seed: number): number {
  const length = key.length;
  const tail = length > TAIL_LENGTH ? length - TAIL_LENGTH : 0;
  let even = seed ^ length;
  let odd = ~seed;
  let i = length - 1;
  for (; i > tail; i -= 2) {
    even = Math.imul(even ^ key.charCodeAt(i), FNV_PRIME);
    odd = Math.imul(odd ^ key.charCodeAt(i - 1), FNV_PRIME);
  }
  if (i === tail) even = Math.imul(even ^ key.charCodeAt(i), FNV_PRIME);
  if (tail > 0) {
    const stride = Math.ceil(tail / HEAD_SAMPLES);
    for (i = 0; i < tail; i += stride) odd = Math.imul(odd ^ key.charCodeAt(i), FNV_PRIME);
  }
  let hash = even ^ Math.imul(odd ^ (odd >>> 15), MIX);
  hash = Math.imul(hash ^ (hash >>> 16), MIX);
  return hash ^ (hash >>> 15) || 1;
}
