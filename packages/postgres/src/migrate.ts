import { type CacheError, CacheOptionError, CacheUnavailableError, redactedCause } from '@cache/core';
import type { Sql } from 'postgres';
import {
  driverErrorCode,
  isConnectionLost,
  isConnectionRefused,
  isRefusal,
  REFUSED,
  unavailability,
} from './driver-error.ts';
import { MIGRATION_SQL } from './migration-sql.ts';
import { relationsOf, type TableOptions } from './relations.ts';
import { adoptServer } from './server-identity.ts';
import { validateInstance } from './validate-client.ts';

/** What `migrate` makes. */
export interface MigrateOptions extends TableOptions {
  /**
   * `'standard'`: logged, with both indexes beside the unique one. `'lean'`: UNLOGGED (empty after a crash), without
   * them, and with room on each page, so that overwrites touch no index: faster, and steady in size.
   * @default 'standard'
   */
  readonly profile?: 'standard' | 'lean';
}

/** Under it two migrations at once do not both create what is missing. */
const ADVISORY_LOCK = /^SELECT pg_advisory_xact_lock\(.*\);$/m;

/** The relations that `lean` does not log. The horizon stays logged: it says on which server the rest was written. */
const UNLOGGED = ['cache', 'cache_removal', 'cache_tag', 'cache_event'];

/**
 * The migration as plain SQL, for psql or a migration tool. For the default options it is `migration.sql`.
 *
 * @throws CacheOptionError
 */
export function migrationSql({ profile = 'standard', ...place }: MigrateOptions = {}): string {
  if (profile !== 'standard' && profile !== 'lean') {
    throw new CacheOptionError("profile is 'standard' or 'lean'.", { operation: 'migrate', backend: 'postgres' });
  }
  const { schema, table } = relationsOf(place);
  const text = profile === 'standard' ? MIGRATION_SQL : leanSql();
  const named = table === 'cache' ? text : text.replace(/(?<![\w@/"-])cache(_[a-z_]+)?\b(?!\/)/g, `"${table}$1"`);
  return schema === undefined ? named : named.replace(ADVISORY_LOCK, (lock) => `${lock}\n\n${inSchema(schema)}`);
}

/**
 * Creates the tables, or brings them up to date. It may run again and again, in many processes at once, as the owner of
 * the schema, behind PgBouncer too. When nothing is to be done no table is locked.
 *
 * @throws CacheOptionError, CacheUnavailableError
 */
export async function migrate(sql: Sql, options: MigrateOptions = {}): Promise<void> {
  validateInstance(sql, 'migrate');
  const text = migrationSql(options);
  const relations = relationsOf(options);
  try {
    if (!(await isCurrent(sql, options))) {
      // Statements sent together without parameters are one transaction of their own.
      await sql.unsafe(text.replace(/^(?:BEGIN|COMMIT);$/gm, '') + fromLean(options));
    }
    await adoptServer(sql, relations);
  } catch (error) {
    throw migrationError(error);
  }
}

/** True if the tables are as this version makes them. */
async function isCurrent(sql: Sql, options: MigrateOptions): Promise<boolean> {
  const { cache, event, horizon, schema, table } = relationsOf(options);
  const index = (suffix: string): string => `${schema === undefined ? '' : `"${schema}".`}"${table}${suffix}"`;
  const [row] = await sql
    .unsafe(
      `SELECT (to_regclass($1::text) IS NOT NULL AND to_regclass($2::text) IS NOT NULL
  AND to_regclass($3::text) IS NOT NULL AND EXISTS (SELECT FROM pg_attribute
    WHERE attrelid = to_regclass($1::text) AND attname = 'lease_snap' AND NOT attisdropped)
  AND NOT EXISTS (SELECT FROM pg_attribute a, pg_settings s
    WHERE a.attrelid = to_regclass($1::text) AND a.attname IN ('value', 'payload')
      AND to_jsonb(a)->>'attcompression' = ''
      AND s.name = 'default_toast_compression' AND 'lz4' = ANY (s.enumvals)))::text,
  (SELECT relpersistence::text FROM pg_class WHERE oid = to_regclass($1::text)),
  (to_regclass($4::text) IS NOT NULL)::text, (to_regclass($5::text) IS NOT NULL)::text`,
      [cache, event, horizon, index('_key_hash_idx'), index('_expires_at_idx')],
    )
    .raw();
  const [isThere, persistence, hasHash, hasExpiry] = [...(row ?? [])].map((column) => String(column));
  if (isThere !== 'true') return false;
  if (options.profile === 'lean') return persistence === 'u' && hasHash === 'false' && hasExpiry === 'false';
  return persistence === 'p' && hasHash === 'true' && hasExpiry === 'true';
}

/** What makes a lean table a standard one: nothing where it is one already. */
function fromLean({ profile = 'standard', ...place }: MigrateOptions): string {
  if (profile === 'lean') return '';
  const { cache, removal, tag, event } = relationsOf(place);
  const logged = [cache, removal, tag, event].map((table) => `ALTER TABLE ${table} SET LOGGED;`);
  return `\n${logged.join('\n')}\nALTER TABLE ${cache} RESET (fillfactor);\n`;
}

/**
 * `CREATE SCHEMA IF NOT EXISTS` asks for the right to create one even where there is nothing to create. The catalog is
 * read, not asked by `to_regnamespace`, whose cache does not know what another created while this one waited.
 */
function inSchema(schema: string): string {
  return `DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_namespace WHERE nspname = '${schema}')
  THEN CREATE SCHEMA "${schema}"; END IF; END $$;
SET LOCAL search_path TO "${schema}";`;
}

function leanSql(): string {
  const withoutIndexes = MIGRATION_SQL.replace(
    /-- profile standard \{\n[\s\S]*?-- \}\n/,
    `-- profile lean: a table of the standard profile becomes one; neither does anything the second time.
DROP INDEX IF EXISTS cache_key_hash_idx;
DROP INDEX IF EXISTS cache_expires_at_idx;
ALTER TABLE cache SET (fillfactor = 70);
`,
  );
  return UNLOGGED.reduce(
    (text, table) =>
      text.replace(`CREATE TABLE IF NOT EXISTS ${table} (`, `CREATE UNLOGGED TABLE IF NOT EXISTS ${table} (`),
    withoutIndexes,
  ).replace(
    /\nCOMMIT;\n$/,
    `\n${UNLOGGED.map((table) => `ALTER TABLE ${table} SET UNLOGGED;`).join('\n')}\n\nCOMMIT;\n`,
  );
}

function migrationError(error: unknown): CacheError {
  const code = driverErrorCode(error);
  const context = { operation: 'migrate', backend: 'postgres', cause: redactedCause(error) };
  if (code === '42501') {
    return new CacheOptionError('The role may not create tables here: GRANT CREATE, USAGE ON SCHEMA … TO it.', context);
  }
  if (isRefusal(error)) return new CacheOptionError(REFUSED, context);
  if (isConnectionRefused(error) || isConnectionLost(error)) {
    return new CacheUnavailableError(unavailability(code), { ...context, ambiguous: !isConnectionRefused(error) });
  }
  if (code === '42704' || code === '42883') return new CacheOptionError('PostgreSQL 13 or later is needed.', context);
  return new CacheOptionError(
    `The migration failed (${code === '' ? 'no code' : code}); nothing was changed.`,
    context,
  );
}
