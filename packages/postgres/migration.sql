-- @cache/postgres: the tables of DatabaseCache. PostgreSQL 13 or later; the owner of the schema may run it, again
-- and again, and two at a time: psql -v ON_ERROR_STOP=1 -f migration.sql, npx cache-postgres migrate --url …, or
-- migrate(sql). npx cache-postgres migrate --dry-run prints it for another schema, table or profile.
BEGIN;

-- Only one migration at a time; the lock ends with the transaction.
SELECT pg_advisory_xact_lock(hashtext('@cache/postgres'), hashtext('cache'));

CREATE TABLE IF NOT EXISTS cache (
  id         BIGSERIAL PRIMARY KEY,
  created_at TIMESTAMP NOT NULL DEFAULT (now() AT TIME ZONE 'UTC'),
  updated_at TIMESTAMP NOT NULL DEFAULT (now() AT TIME ZONE 'UTC'),
  key        BYTEA NOT NULL,
  plain_key  TEXT,
  value      JSONB,
  expires_at BIGINT,
  CONSTRAINT cache_key_unique UNIQUE (key)
);

-- Orders what one transaction does, and gives every stored value a number of its own.
CREATE SEQUENCE IF NOT EXISTS cache_seq;

-- Of the value: what JSONB cannot hold, a negative entry, its stale window, its tags, and the snapshot of its load.
-- Of a load in progress: the lease, and the snapshot under which it was granted.
ALTER TABLE cache
  ADD COLUMN IF NOT EXISTS namespace   TEXT NOT NULL DEFAULT '',
  ADD COLUMN IF NOT EXISTS payload     BYTEA,
  ADD COLUMN IF NOT EXISTS absent      BOOLEAN NOT NULL DEFAULT false,
  ADD COLUMN IF NOT EXISTS stale_until BIGINT,
  ADD COLUMN IF NOT EXISTS load_ms     INTEGER,
  ADD COLUMN IF NOT EXISTS tags        TEXT[],
  ADD COLUMN IF NOT EXISTS snap        PG_SNAPSHOT NOT NULL DEFAULT pg_current_snapshot(),
  ADD COLUMN IF NOT EXISTS xid         XID8,
  ADD COLUMN IF NOT EXISTS seq         BIGINT NOT NULL DEFAULT nextval('cache_seq'),
  ADD COLUMN IF NOT EXISTS lease       TEXT,
  ADD COLUMN IF NOT EXISTS lease_until TIMESTAMPTZ,
  ADD COLUMN IF NOT EXISTS lease_snap  PG_SNAPSHOT,
  ALTER COLUMN plain_key DROP NOT NULL,
  ALTER COLUMN value     DROP NOT NULL;

-- A server that has lz4 stores a large value in less than half the time that pglz takes. Yours is left as you set it.
DO $$ DECLARE large text; BEGIN
  FOR large IN SELECT a.attname FROM pg_attribute a, pg_settings s
    WHERE a.attrelid = 'cache'::regclass AND a.attname IN ('value', 'payload') AND to_jsonb(a)->>'attcompression' = ''
      AND s.name = 'default_toast_compression' AND 'lz4' = ANY (s.enumvals)
  LOOP
    EXECUTE 'ALTER TABLE cache ALTER COLUMN ' || large || ' SET COMPRESSION lz4';
  END LOOP;
END $$;

-- profile standard {
CREATE INDEX IF NOT EXISTS cache_key_hash_idx ON cache USING HASH (key);
CREATE INDEX IF NOT EXISTS cache_expires_at_idx ON cache (expires_at) WHERE expires_at IS NOT NULL;
-- }

-- What transactions have removed or expired, and what a clear its namespace (whole, or
-- the keys with a prefix), for as long as nobody has carried it out.
CREATE TABLE IF NOT EXISTS cache_removal (
  key    BYTEA NOT NULL,
  stale  BOOLEAN NOT NULL DEFAULT false,
  whole  BOOLEAN NOT NULL DEFAULT false,
  prefix TEXT,
  at     TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
  xid    XID8 NOT NULL DEFAULT pg_current_xact_id(),
  seq    BIGINT NOT NULL DEFAULT nextval('cache_seq')
);
CREATE INDEX IF NOT EXISTS cache_removal_key_idx ON cache_removal (key);

-- Which tags were invalidated, for as long as an older entry may ask.
CREATE TABLE IF NOT EXISTS cache_tag (
  tag   TEXT NOT NULL,
  stale BOOLEAN NOT NULL DEFAULT false,
  at    TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
  xid   XID8 NOT NULL DEFAULT pg_current_xact_id(),
  seq   BIGINT NOT NULL DEFAULT nextval('cache_seq')
);
CREATE INDEX IF NOT EXISTS cache_tag_tag_idx ON cache_tag (tag, xid);

-- What the processes that keep local copies must forget.
CREATE TABLE IF NOT EXISTS cache_event (
  namespace TEXT NOT NULL,
  origin    TEXT NOT NULL,
  kind      TEXT NOT NULL,
  subject   TEXT NOT NULL DEFAULT '',
  at        TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
  xid       XID8 NOT NULL DEFAULT pg_current_xact_id(),
  seq       BIGINT NOT NULL DEFAULT nextval('cache_seq')
);
CREATE INDEX IF NOT EXISTS cache_event_xid_idx ON cache_event (xid);

-- Below which transactions the two logs have been trimmed, and on which server all this was written.
CREATE TABLE IF NOT EXISTS cache_horizon (
  id                BOOLEAN PRIMARY KEY DEFAULT true CHECK (id),
  tag_xid           XID8 NOT NULL DEFAULT '0',
  event_xid         XID8 NOT NULL DEFAULT '0',
  system_identifier BIGINT NOT NULL DEFAULT 0
);
INSERT INTO cache_horizon (system_identifier) SELECT system_identifier FROM pg_control_system()
  ON CONFLICT (id) DO NOTHING;

COMMIT;
