import { type CacheOperation, CacheOptionError } from '@cache/core';
import type { SharedCache } from './levels.ts';

/**
 * Passes if what is stored with these tags can be invalidated by them. Stored all the same, it would outlive its tags.
 *
 * @throws CacheOptionError
 */
export function requireTags<V>(cache: SharedCache<V>, tags: readonly string[], operation: CacheOperation): void {
  if (tags.length === 0 || typeof cache.invalidateTags === 'function') return;
  throw new CacheOptionError('The shared cache has no invalidateTags(), so nothing in it can carry tags.', {
    operation,
    backend: 'stack',
  });
}
