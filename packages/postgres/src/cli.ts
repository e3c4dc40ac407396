#!/usr/bin/env node
import { parseArgs } from 'node:util';
import type { Sql } from 'postgres';
import postgres from 'postgres';
import { withDatabaseUrl } from './database-url.ts';
import { type MigrateOptions, migrate, migrationSql } from './migrate.ts';

const USAGE = `cache-postgres migrate --url postgres://user:password@host:5432/database
  --schema NAME      the schema of the tables (default: the first of the search_path)
  --table NAME       the name of the table (default: cache)
  --profile NAME     standard or lean (default: standard)
  --no-prepare       behind PgBouncer in transaction mode
  --dry-run          print the SQL instead of running it

The URL may stand in DATABASE_URL instead.`;

async function main(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      url: { type: 'string' },
      schema: { type: 'string' },
      table: { type: 'string' },
      profile: { type: 'string' },
      'no-prepare': { type: 'boolean', default: false },
      'dry-run': { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help || positionals.length !== 1 || positionals[0] !== 'migrate') {
    console.error(USAGE);
    return values.help ? 0 : 2;
  }
  const { schema, table, profile } = values;
  const options: MigrateOptions = {
    ...(schema === undefined ? undefined : { schema }),
    ...(table === undefined ? undefined : { table }),
    ...(profile === undefined ? undefined : { profile: profile as 'standard' | 'lean' }),
  };
  if (values['dry-run']) {
    process.stdout.write(migrationSql(options));
    return 0;
  }
  const url = values.url ?? process.env['DATABASE_URL'];
  if (url === undefined) {
    console.error(`Where to? Give --url, or set DATABASE_URL.\n\n${USAGE}`);
    return 2;
  }
  return run(url, options, !values['no-prepare']);
}

async function run(url: string, options: MigrateOptions, prepare: boolean): Promise<number> {
  const settings = { max: 1, connect_timeout: 10, prepare, fetch_types: false, onnotice: () => {} };
  let sql: Sql;
  try {
    sql = withDatabaseUrl(url, 'migrate', () => postgres(url, settings));
  } catch (error) {
    console.error(messageOf(error));
    return 2;
  }
  try {
    await migrate(sql, options);
    console.log('The tables are up to date.');
    return 0;
  } finally {
    await sql.end({ timeout: 1 });
  }
}

main(process.argv.slice(2)).then(
  (exitCode) => {
    process.exitCode = exitCode;
  },
  (error: unknown) => {
    console.error(messageOf(error));
    process.exitCode = 1;
  },
);

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : 'The migration failed.';
}
