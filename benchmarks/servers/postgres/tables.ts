/**
 * The specification's table with its constraint and both indexes, as PostgreSQL makes it: what our standard profile stores
 * in, less our own columns and what our migration does to large values.
 */
export function specificationTable(schema: string): string {
  return `
    CREATE SCHEMA IF NOT EXISTS ${schema};
    CREATE TABLE ${schema}.cache (
      id BIGSERIAL PRIMARY KEY,
      created_at TIMESTAMP NOT NULL DEFAULT now(),
      updated_at TIMESTAMP NOT NULL DEFAULT now(),
      key BYTEA NOT NULL UNIQUE,
      plain_key TEXT NOT NULL,
      value JSONB,
      expires_at BIGINT
    );
    CREATE INDEX cache_key_hash_idx ON ${schema}.cache USING hash (key);
    CREATE INDEX cache_expires_at_idx ON ${schema}.cache (expires_at) WHERE expires_at IS NOT NULL;`;
}

/** Likewise, with large values compressed as our migration has it, where the server can. */
export function specificationTableLz4(schema: string): string {
  return `${specificationTable(schema)}
    DO $$ BEGIN EXECUTE 'ALTER TABLE ${schema}.cache ALTER value SET COMPRESSION lz4';
    EXCEPTION WHEN feature_not_supported OR syntax_error THEN NULL; END $$;`;
}

/** As little as a cache can do with: no index but the primary key. */
export function plainTable(schema: string, persistence: 'LOGGED' | 'UNLOGGED'): string {
  return `
    CREATE SCHEMA IF NOT EXISTS ${schema};
    CREATE ${persistence === 'UNLOGGED' ? 'UNLOGGED ' : ''}TABLE ${schema}.cache (
      key TEXT PRIMARY KEY,
      value JSONB NOT NULL,
      expires_at BIGINT
    );`;
}
