import { createHash } from 'node:crypto';

/**
 * Turns the key an application uses into the key that is stored. It must be pure, and two keys that differ must stay
 * different. `keys()` lists what is stored.
 */
export type KeyTransformer = (key: string) => string;

/** Puts `prefix` before every key, such as a tenant's name. */
export function prefixKeys(prefix: string): KeyTransformer {
  return (key) => prefix + key;
}

/** Which keys {@link sha256Keys} replaces. */
export interface Sha256KeysOptions {
  /**
   * Keys of up to this many UTF-16 units stay as they are. A short key that reads like a hash would then be taken for
   * one, so leave it at 0 where users choose the keys.
   * @default 0
   */
  readonly longerThan?: number;
}

/** Replaces a key by the 64 hexadecimal digits of its SHA-256: for keys that are long, or that nobody should read. */
export function sha256Keys({ longerThan = 0 }: Sha256KeysOptions = {}): KeyTransformer {
  return (key) => (key.length > longerThan ? createHash('sha256').update(key, 'utf8').digest('hex') : key);
}

/** Applies the transformers one after the other, the first given first. */
export function composeKeyTransformers(...transformers: readonly KeyTransformer[]): KeyTransformer {
  return (key) => transformers.reduce((transformed, transform) => transform(transformed), key);
}
