export type { ConnectOptions } from './connect.ts';
export { DatabaseCache } from './database-cache.ts';
export type { DatabaseCacheOptions } from './database-cache-options.ts';
export type { DatabaseFillOptions } from './lease-calls.ts';
export { type MigrateOptions, migrate, migrationSql } from './migrate.ts';
export { PostgresBus, type PostgresBusOptions, postgresBus } from './postgres-bus.ts';
export type { TableOptions } from './relations.ts';
