/** The specification's table with its constraint and both indexes: what our standard profile stores in, less our own columns. */
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
