import { CacheOptionError } from './cache-error.ts';
import type { CacheEventSource } from './cache-hooks.ts';
import type { CacheContents } from './cache-statistics.ts';

/**
 * Passes if `watch(source, contents)` of statistics or of an exporter was given what it takes.
 *
 * @throws CacheOptionError that says what to write
 */
export function validateWatched(source: CacheEventSource, contents: () => CacheContents): void {
  if (typeof source?.cache !== 'string' || typeof source.backend !== 'string')
    throw new CacheOptionError("watch takes the cache's name and kind first: { cache: 'users', backend: 'memory' }.");
  if (typeof contents !== 'function')
    throw new CacheOptionError('contents is a function that gives the cache: () => cache.');
}
