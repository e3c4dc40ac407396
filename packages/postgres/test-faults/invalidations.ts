import type { Lease } from '@cache/core';
import type { DatabaseCache } from '@cache/postgres';
import type { Sql } from 'postgres';

/** A cache and the pool that its application shares with it. */
export interface Application {
  readonly cache: DatabaseCache;
  readonly sql: Sql;
}

/** Every way to invalidate the item `key`, or the load of it that is under way. It must carry the tag `key`. */
export const INVALIDATIONS: Readonly<Record<string, (application: Application, key: string) => Promise<unknown>>> = {
  removeItem: ({ cache }, key) => cache.removeItem(key),
  expireItem: ({ cache }, key) => cache.expireItem(key),
  clearPrefix: ({ cache }, key) => cache.clearPrefix(key),
  invalidateTags: ({ cache }, key) => cache.invalidateTags([key]),
  'a newer set': ({ cache }, key) => cache.set(key, 'new'),
  'removeItem in a transaction': ({ cache, sql }, key) => sql.begin((tx) => cache.using(tx).removeItem(key)),
  'clearPrefix in a transaction': ({ cache, sql }, key) => sql.begin((tx) => cache.using(tx).clearPrefix(key)),
  'invalidateTags in a transaction': ({ cache, sql }, key) => sql.begin((tx) => cache.using(tx).invalidateTags([key])),
};

/** The lease of a load that begins now. */
export async function leaseOf(cache: DatabaseCache, key: string): Promise<Lease> {
  const entry = await cache.getOrLease(key, { leaseInSeconds: 300 });
  if (!('lease' in entry) || entry.lease === undefined) throw new Error(`No lease, but ${entry.state}.`);
  return entry.lease;
}

/** Ends a load that found `'old'`. */
export function fillOld(cache: DatabaseCache, lease: Lease): Promise<boolean> {
  return cache.fill(lease, 'old', { tags: [lease.key] });
}
