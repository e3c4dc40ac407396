import { CacheOptionError } from '@cache/core';
import type { Sql, TransactionSql } from 'postgres';

/**
 * Refuses what is no postgres.js instance or transaction.
 *
 * @throws CacheOptionError
 */
export function validateInstance(sql: Sql | TransactionSql, operation?: string): void {
  if (typeof sql === 'function' && typeof sql.unsafe === 'function') return;
  throw new CacheOptionError('The first argument is a postgres.js instance: postgres(url).', {
    backend: 'postgres',
    ...(operation === undefined ? undefined : { operation }),
  });
}

/**
 * Refuses likewise what the cache cannot use.
 *
 * @throws CacheOptionError
 */
export function validateClient(sql: Sql | TransactionSql): void {
  validateInstance(sql);
  const options = (sql as Partial<Sql>).options as { readonly transform?: { row?: { from?: unknown } } } | undefined;
  if (options?.transform?.row?.from !== undefined) {
    throw new CacheOptionError('The postgres.js instance transforms rows (transform.row): give the cache another.', {
      backend: 'postgres',
    });
  }
}
