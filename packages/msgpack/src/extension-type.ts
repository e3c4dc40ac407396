/**
 * The extension types of a payload, beside MessagePack's own timestamp (-1). What they hold is part of the stored format:
 * a number never changes its meaning.
 */
export const EXTENSION_TYPE = {
  /** One byte, a `CONSTANT`. */
  constant: 1,
  /** An array of keys and values by turns. */
  map: 2,
  /** An array. */
  set: 3,
  /** A byte for the sign, 1 if negative, and the magnitude, the most significant byte first. */
  bigint: 4,
  /** An array of names and values by turns: an object that has a property named `__proto__`. */
  object: 5,
  /** A byte for the class, an index of `BYTE_CLASSES`, and the bytes. */
  bytes: 6,
} as const;

/** What MessagePack has no token for. */
export const CONSTANT = { undefined: 0, negativeZero: 1, invalidDate: 2 } as const;
