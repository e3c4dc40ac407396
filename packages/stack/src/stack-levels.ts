import { CacheOptionError, toAsync } from '@cache/core';
import type { InstallFence } from './install-fence.ts';
import type { NearCache, SharedCache } from './levels.ts';
import { type LocalLevel, NearLevel, noLevel, onlyLevel } from './near-level.ts';
import type { StackOptions } from './stack-options.ts';
import type { Timers } from './timers.ts';

/** How long another process's invalidation may go unseen unless the options say otherwise. */
export const DEFAULT_MAX_L1_STALENESS_IN_SECONDS = 2;

const DEFAULT_MAX_L1_EXPIRATION_IN_SECONDS = 30;

/** A near cache under two stacks would be filled by one with what the other has invalidated. */
const claimedNearCaches = new WeakSet<object>();

/** A first level alone is the store. */
export function alone<V>(l1: StackOptions<V>['l1']): SharedCache<V> {
  if (l1 === undefined) throw new CacheOptionError('createCache needs a level: l1, l2 or both.', { backend: 'stack' });
  return toAsync(l1) as unknown as SharedCache<V>;
}

/** Makes a near cache this stack's own, until the function returned is called. @throws CacheOptionError if it is another's */
export function claim<V>(l1: NearCache<V> | undefined, l2: SharedCache<V> | undefined): () => void {
  if (l1 === undefined || l2 === undefined) return noop;
  if (claimedNearCaches.has(l1)) {
    throw new CacheOptionError('This l1 belongs to another stack: give each its own.', { backend: 'stack' });
  }
  claimedNearCaches.add(l1);
  return () => claimedNearCaches.delete(l1);
}

/** What the stack keeps in this process. */
export function localLevel<V>(
  { l1, l2, ...options }: StackOptions<V>,
  fence: InstallFence,
  timers: Timers,
): LocalLevel<V> {
  if (l1 === undefined) return noLevel;
  if (l2 === undefined) return onlyLevel(l1);
  return new NearLevel(l1, fence, timers, {
    bus: options.bus,
    maxStalenessInSeconds: options.maxL1StalenessInSeconds ?? DEFAULT_MAX_L1_STALENESS_IN_SECONDS,
    maxExpirationInSeconds: options.maxL1ExpirationInSeconds ?? DEFAULT_MAX_L1_EXPIRATION_IN_SECONDS,
  });
}

function noop(): void {}
