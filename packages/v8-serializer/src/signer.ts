import { createHmac, createSecretKey, type KeyObject, timingSafeEqual } from 'node:crypto';
import { CacheOptionError } from '@cache/core';

/** Bytes of an HMAC-SHA-256. */
export const SIGNATURE_BYTES = 32;

/** Less than the hash has bits would be weaker than the hash (RFC 2104, section 3). */
const MIN_KEY_BYTES = 32;

/** Signs nothing else with the same key, even if the application uses its key elsewhere too. */
const PURPOSE = '@cache/v8-serializer';

/** Signs with one key and accepts what that key or an earlier one signed (HMAC-SHA-256, RFC 2104). */
export class Signer {
  readonly #keys: readonly [KeyObject, ...KeyObject[]];

  /** @throws CacheOptionError for a key that is no key, or has fewer than 32 bytes, and for previous keys that are no list */
  constructor(key: string | Uint8Array, previousKeys: readonly (string | Uint8Array)[]) {
    if (!Array.isArray(previousKeys)) throw new CacheOptionError('previousKeys of v8Serializer is a list of keys.');
    this.#keys = [signingKey(key), ...previousKeys.map(signingKey)];
  }

  sign(header: Uint8Array, body: Uint8Array): Buffer {
    return hmac(this.#keys[0], header, body);
  }

  isSigned(signature: Uint8Array, header: Uint8Array, body: Uint8Array): boolean {
    return this.#keys.some((key) => timingSafeEqual(hmac(key, header, body), signature));
  }
}

function hmac(key: KeyObject, header: Uint8Array, body: Uint8Array): Buffer {
  return createHmac('sha256', key).update(header).update(body).digest();
}

function signingKey(key: string | Uint8Array): KeyObject {
  if (typeof key !== 'string' && !(key instanceof Uint8Array))
    throw new CacheOptionError('A key of v8Serializer is a string or a Uint8Array.');
  const bytes = Buffer.from(key);
  if (bytes.length < MIN_KEY_BYTES)
    throw new CacheOptionError(
      `A key of v8Serializer has at least ${MIN_KEY_BYTES} bytes; got ${bytes.length}. Make one once (openssl rand -hex 32), keep it with your secrets, and give all processes the same.`,
    );
  return createSecretKey(createHmac('sha256', bytes).update(PURPOSE).digest());
}
