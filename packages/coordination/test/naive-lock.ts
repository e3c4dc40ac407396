import type { AsyncCache } from '@cache/core';

/**
 * The lock that is built without atomic steps, kept as a control: it looks before it takes, and what it removes in the end
 * is whatever is there.
 */
export async function naiveLock(
  cache: AsyncCache,
  key: string,
  leaseInSeconds: number,
): Promise<NaiveLock | undefined> {
  if ((await cache.get(key)) !== undefined) return undefined;
  await cache.set(key, 'locked', leaseInSeconds);
  return { release: async () => void (await cache.removeItem(key)) };
}

export interface NaiveLock {
  release(): Promise<void>;
}
