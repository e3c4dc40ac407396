import { CacheOptionError } from '@cache/core';

/** Where the tables are. */
export interface TableOptions {
  /**
   * The schema that holds the tables.
   * @default the first of the connection's search_path
   */
  readonly schema?: string;
  /**
   * The name of the table; its logs, sequence and indexes begin with it.
   * @default 'cache'
   */
  readonly table?: string;
}

/** The names of everything in the database, quoted and ready to stand in a statement. */
export interface Relations {
  readonly schema: string | undefined;
  readonly table: string;
  /** The items. */
  readonly cache: string;
  /** What transactions removed. */
  readonly removal: string;
  /** Which tags were invalidated. */
  readonly tag: string;
  /** What other processes must forget. */
  readonly event: string;
  /** Below what the logs are trimmed. */
  readonly horizon: string;
  /** The sequence, as `nextval` takes it. */
  readonly seq: string;
}

const IDENTIFIER = /^[A-Za-z_][A-Za-z0-9_]{0,62}$/;

/** PostgreSQL cuts names after 63 bytes, and the longest that is made of the table's adds this many. */
const LONGEST_SUFFIX = '_removal_key_idx'.length;

/**
 * The relations of one cache. Names are checked and quoted here and nowhere else, so no statement holds text that a
 * user wrote otherwise.
 *
 * @throws CacheOptionError for a name that is none, or so long that PostgreSQL would cut it
 */
export function relationsOf({ schema, table = 'cache' }: TableOptions = {}): Relations {
  if (schema !== undefined) validateIdentifier('schema', schema);
  validateIdentifier('table', table);
  if (table.length > 63 - LONGEST_SUFFIX) {
    throw new CacheOptionError(`table has at most ${63 - LONGEST_SUFFIX} characters; got ${table.length}.`);
  }
  const prefix = schema === undefined ? '' : `"${schema}".`;
  const named = (suffix: string): string => `${prefix}"${table}${suffix}"`;
  return {
    schema,
    table,
    cache: named(''),
    removal: named('_removal'),
    tag: named('_tag'),
    event: named('_event'),
    horizon: named('_horizon'),
    seq: `'${named('_seq')}'`,
  };
}

function validateIdentifier(name: string, value: unknown): void {
  if (typeof value === 'string' && IDENTIFIER.test(value)) return;
  throw new CacheOptionError(
    `${name} is a plain identifier: a letter or an underscore, then up to 62 letters, digits or underscores.`,
  );
}
