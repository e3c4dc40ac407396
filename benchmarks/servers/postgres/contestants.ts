import type { Contestant } from '../contestant.ts';
import { bentocacheKnex, bentocacheKysely } from './bentocache.ts';
import { cachePostgres, cachePostgresLean, cachePostgresOnPool } from './cache-postgres.ts';
import { cacheable } from './cacheable.ts';
import { keyv } from './keyv.ts';
import { nodePostgres } from './node-postgres.ts';
import { postgresJsAgain, postgresJsLz4, postgresJsPlainPools, postgresJsPools } from './postgres-js.ts';

/** Everybody who is measured on PostgreSQL, in the order of the table. */
export const contestants: readonly Contestant[] = [
  cachePostgres,
  cachePostgresLean,
  cachePostgresOnPool,
  ...postgresJsPools,
  postgresJsAgain,
  postgresJsLz4,
  ...postgresJsPlainPools,
  nodePostgres,
  keyv,
  cacheable,
  bentocacheKnex,
  bentocacheKysely,
];
