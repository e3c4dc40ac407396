import { randomBytes } from 'node:crypto';

/**
 * A name nobody else uses, fit for a key prefix, a namespace, a schema or a table: `cache_tests_<purpose>_<random>`.
 * On a server that is not the tests' own, what carries such a name is what gets cleaned up.
 */
export function uniqueName(purpose: string): string {
  return `${UNIQUE_NAME_PREFIX}${purpose}_${randomBytes(6).toString('hex')}`;
}

/** What every {@link uniqueName} begins with. */
export const UNIQUE_NAME_PREFIX = 'cache_tests_';
