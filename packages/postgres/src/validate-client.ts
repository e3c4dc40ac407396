import { CacheOptionError } from '@cache/core';
import type { Sql, TransactionSql } from 'postgres';

/**
 * Refuses what is no postgres.js instance or transaction, and one that the cache cannot use.
 *
 * @throws CacheOptionError
 */
export function validateClient(sql: Sql | TransactionSql): void {
  if (typeof sql !== 'function' || typeof sql.unsafe !== 'function') {
    throw new CacheOptionError('The first argument is a postgres.js instance: postgres(url).', { backend: 'postgres' });
  }
  const options = (sql as Partial<Sql>).options as { readonly transform?: { row?: { from?: unknown } } } | undefined;
  if (options?.transform?.row?.from !== undefined) {
    throw new CacheOptionError('The postgres.js instance transforms rows (transform.row): give the cache another.', {
      backend: 'postgres',
    });
  }
}
