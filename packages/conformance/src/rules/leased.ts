import type { CacheEntry, Lease, LeaseOptions } from '@cache/core';
import { ensure, equal } from '../assertions.ts';
import type { TestedCache } from '../tested-cache.ts';

/** Asks for a key and expects to be granted the lease, with nothing or a stale copy to go with it. */
export async function leased(
  cache: TestedCache,
  key: string,
  state: 'missing' | 'stale' = 'missing',
  options?: LeaseOptions,
): Promise<Lease> {
  const entry = await cache.getOrLease(key, options);
  equal(entry.state, state, `the state of "${key}"`);
  const lease = leaseOf(entry);
  ensure(lease !== undefined, `the lease of "${key}" should be granted`);
  equal(lease.key, key, 'the key of the lease');
  ensure(typeof lease.token === 'string' && lease.token !== '', 'a lease should have a token');
  return lease;
}

/** Asks for a key and expects no lease with this state. */
export async function notLeased(
  cache: TestedCache,
  key: string,
  state: CacheEntry<unknown>['state'],
  options?: LeaseOptions,
): Promise<void> {
  const entry = await cache.getOrLease(key, options);
  equal(entry.state, state, `the state of "${key}"`);
  ensure(leaseOf(entry) === undefined, `the lease of "${key}" should not be granted`);
}

/** The lease that came with an entry. */
export function leaseOf(entry: CacheEntry<unknown>): Lease | undefined {
  return 'lease' in entry ? entry.lease : undefined;
}
