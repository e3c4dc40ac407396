import { MAX_KEY_LENGTH } from '@cache/core';

/** The odd factors of FNV-1a, of Fibonacci hashing (2^32 over the golden ratio; Knuth, TAOCP vol. 3, §6.4) and of lowbias32. */
const FNV_PRIME = 0x01000193;
const GOLDEN_RATIO = 0x9e3779b1;
const MIX = 0x7feb352d;

/** The fewest characters that are read, and the most before all are. */
export const SHORTEST_TAIL = 4;
const LONGEST_TAIL = 32;
/** No key is as long: all of it is read. */
const WHOLE: number = MAX_KEY_LENGTH + 1;

/** How many characters to read when the last `tail` are too much alike; `undefined` when all are read. */
export function longerTail(tail: number): number | undefined {
  if (tail === WHOLE) return undefined;
  return tail < LONGEST_TAIL ? 2 * tail : WHOLE;
}

/**
 * A 32-bit hash of a key's length and last `tail` characters, where keys differ most; of all of it if it is shorter. The first bits are the
 * best ones, as ever after a multiplication. A character takes about a nanosecond to read, so who uses it begins with few, has to notice when keys
 * collide, and takes a longer tail then. What is no string hashes to 0: it is found nowhere.
 */
export function hashTail(key: string, tail: number, seed: number): number {
  if (typeof key !== 'string') return 0;
  const { length } = key;
  if (length < tail) return hashWhole(key, seed);
  let hash = Math.imul(seed ^ Math.imul(length, MIX) ^ fourBefore(key, length), GOLDEN_RATIO);
  for (let end = length - 4; end > length - tail; end -= 4) {
    hash = Math.imul(hash ^ (hash >>> 15) ^ fourBefore(key, end), GOLDEN_RATIO);
  }
  return hash;
}

/**
 * The same bits for the ghost, which reads single ones: mixed, so that each depends on all.
 */
export function mixHash(hash: number): number {
  const mixed = Math.imul(hash ^ (hash >>> 15), MIX);
  return mixed ^ (mixed >>> 16);
}

/** The characters before `end`, eight bits apart. */
function fourBefore(key: string, end: number): number {
  return (
    key.charCodeAt(end - 1) ^
    (key.charCodeAt(end - 2) << 8) ^
    (key.charCodeAt(end - 3) << 16) ^
    (key.charCodeAt(end - 4) << 24)
  );
}

/**
 * FNV-1a over every character, in two lanes, since each step waits for its own multiplication. With a seed per cache nobody can prepare keys that
 * collide; characters eight bits apart overlap beyond Latin-1, and such keys could be.
 */
function hashWhole(key: string, seed: number): number {
  if (key.length > MAX_KEY_LENGTH) return 0;
  let even = seed;
  let odd = ~seed;
  let i = key.length - 1;
  for (; i > 0; i -= 2) {
    even = Math.imul(even ^ key.charCodeAt(i), FNV_PRIME);
    odd = Math.imul(odd ^ key.charCodeAt(i - 1), FNV_PRIME);
  }
  if (i === 0) even = Math.imul(even ^ key.charCodeAt(0), FNV_PRIME);
  const both = even ^ Math.imul(odd ^ (odd >>> 15), MIX);
  return Math.imul(both ^ (both >>> 16), GOLDEN_RATIO);
}
