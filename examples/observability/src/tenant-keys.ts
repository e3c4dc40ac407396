import { composeKeyTransformers, type KeyTransformer, prefixKeys, sha256Keys } from '@cache/core';

/**
 * Keys of one tenant: what the application calls `user:1` is stored as `acme:user:1`, and a long key, such as a query, as a
 * hash below the tenant's prefix. The prefix is put on last, so that `keys('acme:')` finds hashed keys too.
 */
export function tenantKeys(tenant: string): KeyTransformer {
  if (!/^[a-z0-9-]+$/.test(tenant)) throw new TypeError('A tenant is named with a-z, 0-9 and hyphens.');
  return composeKeyTransformers(sha256Keys({ longerThan: 200 }), prefixKeys(`${tenant}:`));
}
