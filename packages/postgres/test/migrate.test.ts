import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { CacheOptionError } from '@cache/core';
import { DatabaseCache, migrate, migrationSql } from '@cache/postgres';
import { databaseUrl, uniqueName } from '@cache/test-servers';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import postgres, { type Sql } from 'postgres';

const run = promisify(execFile);

let sql: Sql;
const schemas: string[] = [];

beforeAll(() => {
  sql = postgres(databaseUrl(), { max: 4, onnotice: () => {} });
});

afterAll(async () => {
  for (const schema of schemas) await sql.unsafe(`DROP SCHEMA IF EXISTS ${schema} CASCADE`);
  await sql.end({ timeout: 1 });
});

async function newSchema(): Promise<string> {
  const schema = uniqueName('migrate');
  schemas.push(schema);
  await sql.unsafe(`CREATE SCHEMA ${schema}`);
  return schema;
}

async function columnsOf(schema: string, table: string): Promise<Record<string, string>> {
  const rows = await sql`SELECT column_name, data_type FROM information_schema.columns
    WHERE table_schema = ${schema} AND table_name = ${table}`;
  return Object.fromEntries(rows.map(({ column_name, data_type }) => [column_name, data_type]));
}

async function indexesOf(schema: string): Promise<string[]> {
  const rows = await sql`SELECT indexdef FROM pg_indexes WHERE schemaname = ${schema} ORDER BY indexname`;
  return rows.map(({ indexdef }) => (indexdef as string).replaceAll(`${schema}.`, ''));
}

describe('migrate', () => {
  test('makes the table with its constraint and two indexes, and a cache works on it', async () => {
    const schema = await newSchema();
    await migrate(sql, { schema });
    expect(await columnsOf(schema, 'cache')).toMatchObject({
      id: 'bigint',
      created_at: 'timestamp without time zone',
      updated_at: 'timestamp without time zone',
      key: 'bytea',
      plain_key: 'text',
      value: 'jsonb',
      expires_at: 'bigint',
    });
    expect(await indexesOf(schema)).toEqual(
      expect.arrayContaining([
        'CREATE UNIQUE INDEX cache_pkey ON cache USING btree (id)',
        'CREATE UNIQUE INDEX cache_key_unique ON cache USING btree (key)',
        'CREATE INDEX cache_key_hash_idx ON cache USING hash (key)',
        'CREATE INDEX cache_expires_at_idx ON cache USING btree (expires_at) WHERE (expires_at IS NOT NULL)',
      ]),
    );
    const cache = new DatabaseCache(sql, { schema });
    await cache.set('a', 1);
    const rows = await sql`SELECT plain_key, value, key = sha256('a'::bytea) AS is_hashed FROM ${sql(schema)}.cache`;
    expect(rows).toEqual([{ plain_key: 'a', value: 1, is_hashed: true }]);
  });

  test('may run again and keeps what is stored, and locks nothing when nothing is to be done', async () => {
    const schema = await newSchema();
    await migrate(sql, { schema });
    const cache = new DatabaseCache(sql, { schema });
    await cache.set('a', 1);
    await sql.begin(async (tx) => {
      await tx.unsafe(`LOCK TABLE ${schema}.cache IN ROW EXCLUSIVE MODE`);
      await migrate(sql, { schema });
    });
    expect(await cache.get('a')).toBe(1);
  });

  test('may run in many processes at once', async () => {
    const schema = await newSchema();
    const pools = Array.from({ length: 6 }, () => postgres(databaseUrl(), { max: 1, onnotice: () => {} }));
    await Promise.all(pools.map((pool) => migrate(pool, { schema })));
    await Promise.all(pools.map((pool) => pool.end({ timeout: 1 })));
    await new DatabaseCache(sql, { schema }).set('a', 1);
  });

  test('runs as the plain owner of the schema', async () => {
    const schema = await newSchema();
    const role = uniqueName('owner');
    await sql.unsafe(`CREATE ROLE ${role} LOGIN; ALTER SCHEMA ${schema} OWNER TO ${role}`);
    const url = new URL(databaseUrl());
    url.username = role;
    const owner = postgres(url.href, { max: 1, onnotice: () => {} });
    await migrate(owner, { schema });
    const cache = new DatabaseCache(owner, { schema });
    await cache.set('a', 1);
    expect(await cache.get('a')).toBe(1);
    await owner.end({ timeout: 1 });
    await sql.unsafe(`DROP SCHEMA ${schema} CASCADE; DROP ROLE ${role}`);
  });

  test('makes a lean table, and turns one profile into the other with what is in it', async () => {
    const schema = await newSchema();
    await migrate(sql, { schema, profile: 'lean' });
    const cache = new DatabaseCache(sql, { schema });
    await cache.set('a', 1, null);
    const persistence = async (): Promise<string[]> => {
      const rows = await sql`SELECT relpersistence FROM pg_class WHERE relnamespace = ${schema}::regnamespace
        AND relkind = 'r' AND relname <> 'cache_horizon'`;
      return [...new Set(rows.map(({ relpersistence }) => relpersistence as string))];
    };
    expect(await persistence()).toEqual(['u']);
    expect((await indexesOf(schema)).join()).not.toMatch(/hash_idx|expires_at_idx/);
    await migrate(sql, { schema });
    expect(await persistence()).toEqual(['p']);
    expect((await indexesOf(schema)).join()).toMatch(/hash_idx.*expires_at_idx|expires_at_idx.*hash_idx/);
    await migrate(sql, { schema, profile: 'lean' });
    expect(await persistence()).toEqual(['u']);
    expect(await cache.get('a')).toBe(1);
  });

  test('adds what is missing to the table of an older program, and reads what that stored', async () => {
    const schema = await newSchema();
    await sql.unsafe(`CREATE TABLE ${schema}.cache (id BIGSERIAL PRIMARY KEY, created_at TIMESTAMP DEFAULT now(),
      updated_at TIMESTAMP DEFAULT now(), key BYTEA NOT NULL UNIQUE, plain_key TEXT NOT NULL, value JSONB NOT NULL,
      expires_at BIGINT);
      INSERT INTO ${schema}.cache (key, plain_key, value) VALUES (sha256('a'), 'a', '{"b": 1}')`);
    await migrate(sql, { schema });
    const cache = new DatabaseCache(sql, { schema });
    expect(await cache.get('a')).toEqual({ b: 1 });
    await cache.set('a', 2);
    expect(await cache.get('a')).toBe(2);
  });

  test('has large values compressed by lz4 where the server can, and leaves another choice as it is', async () => {
    const schema = await newSchema();
    const [server] = await sql`SELECT 'lz4' = ANY (enumvals) AS has_lz4 FROM pg_settings
      WHERE name = 'default_toast_compression'`;
    const lz4 = server?.['has_lz4'] ? 'l' : undefined;
    const compression = async (table: string): Promise<unknown> => {
      const rows = await sql`SELECT attname, nullif(to_jsonb(a)->>'attcompression', '') AS method FROM pg_attribute a
        WHERE attrelid = ${`"${schema}"."${table}"`}::regclass AND attname IN ('value', 'payload')`;
      return Object.fromEntries(rows.map(({ attname, method }) => [attname, method ?? undefined]));
    };
    for (const [profile, table] of [['standard', 'cache'] as const, ['lean', 'My_Cache'] as const]) {
      await migrate(sql, { schema, profile, table });
      expect(await compression(table)).toEqual({ value: lz4, payload: lz4 });
      if (lz4 === undefined) continue;
      await sql.unsafe(`ALTER TABLE ${schema}."${table}" ALTER value SET COMPRESSION pglz,
        ALTER payload SET COMPRESSION DEFAULT`);
      await migrate(sql, { schema, profile, table });
      expect(await compression(table)).toEqual({ value: 'p', payload: 'l' });
    }
  });

  test('takes another table name, case and all, beside the default one', async () => {
    const schema = await newSchema();
    await migrate(sql, { schema });
    await migrate(sql, { schema, table: 'My_Cache' });
    const [one, two] = [new DatabaseCache(sql, { schema }), new DatabaseCache(sql, { schema, table: 'My_Cache' })];
    await one.set('a', 1);
    await two.set('a', 2, { tags: ['t'] });
    expect([await one.get('a'), await two.get('a')]).toEqual([1, 2]);
    await one.invalidateTags(['t']);
    expect(await two.get('a')).toBe(2);
  });

  test('refuses what is no postgres.js instance, and says that an absent server is absent', async () => {
    for (const instance of [undefined, {}, databaseUrl()] as unknown as Sql[]) {
      await expect(migrate(instance)).rejects.toMatchObject({
        code: 'ERR_CACHE_OPTION',
        message: expect.stringContaining('postgres(url)'),
      });
    }
    const absent = postgres('postgres://127.0.0.1:1/x', { max: 1, connect_timeout: 5 });
    await expect(migrate(absent)).rejects.toMatchObject({ code: 'ERR_CACHE_UNAVAILABLE', ambiguous: false });
    await absent.end({ timeout: 0 });
  });

  test.each(['a b', '', 'x"; DROP TABLE cache; --', '1a', 'a'.repeat(64), 'a\0', 5])(
    'row 13: refuses the identifier %j at once',
    async (name) => {
      for (const options of [{ schema: name }, { table: name }] as { schema: string }[]) {
        expect(() => new DatabaseCache(sql, options)).toThrow(CacheOptionError);
        expect(() => migrationSql(options)).toThrow(CacheOptionError);
        await expect(migrate(sql, options)).rejects.toMatchObject({ code: 'ERR_CACHE_OPTION' });
      }
    },
  );
});

describe('what is missing', () => {
  test('is named with the command that creates it', async () => {
    const schema = await newSchema();
    const cache = new DatabaseCache(sql, { schema, hooks: { onError: () => {} } });
    for (const call of [
      () => cache.get('a'),
      () => cache.set('a', 1),
      () => cache.getOrLease('a'),
      () => cache.ping(),
    ]) {
      await expect(call()).rejects.toMatchObject({
        code: 'ERR_CACHE_OPTION',
        message: expect.stringContaining(`npx cache-postgres migrate --url … --schema ${schema}`),
      });
    }
  });

  test('is named with the GRANT where it is a right', async () => {
    const schema = await newSchema();
    await migrate(sql, { schema });
    const role = uniqueName('stranger');
    await sql.unsafe(`CREATE ROLE ${role} LOGIN; GRANT USAGE ON SCHEMA ${schema} TO ${role}`);
    const url = new URL(databaseUrl());
    url.username = role;
    await using cache = await DatabaseCache.connect(url.href, { schema, hooks: { onError: () => {} } });
    await expect(cache.get('a')).rejects.toMatchObject({
      code: 'ERR_CACHE_OPTION',
      message: expect.stringContaining(`GRANT SELECT, INSERT, UPDATE, DELETE ON "${schema}"."cache"`),
    });
    await cache.close();
    await sql.unsafe(`REVOKE ALL ON SCHEMA ${schema} FROM ${role}; DROP ROLE ${role}`);
  });
});

describe('migration.sql', () => {
  test('is what migrationSql gives, word for word', () => {
    expect(migrationSql()).toBe(readFileSync(new URL('../migration.sql', import.meta.url), 'utf8'));
  });

  test('runs statement by statement in one transaction, as psql does it', async () => {
    const schema = await newSchema();
    const alone = postgres(databaseUrl(), { max: 1, onnotice: () => {} });
    await alone.unsafe(migrationSql({ schema }));
    await alone.unsafe(migrationSql({ schema }));
    await new DatabaseCache(alone, { schema }).set('a', 1);
    await alone.end({ timeout: 1 });
  });
});

describe('migrationSql', () => {
  test('makes the schema where there is none, as migrate does', async () => {
    const [bySql, byMigrate] = [uniqueName('made'), uniqueName('made')];
    schemas.push(bySql, byMigrate);
    const alone = postgres(databaseUrl(), { max: 1, onnotice: () => {} });
    await alone.unsafe(migrationSql({ schema: bySql }));
    await alone.end({ timeout: 1 });
    await Promise.all(Array.from({ length: 4 }, () => migrate(sql, { schema: byMigrate })));
    for (const schema of [bySql, byMigrate]) await new DatabaseCache(sql, { schema }).set('a', 1);
  });
});

describe('cache-postgres', () => {
  const program = [
    '--no-warnings',
    '--import',
    new URL('../../../tools/typescript.mjs', import.meta.url).href,
    '--conditions=@cache/source',
    new URL('../src/cli.ts', import.meta.url).pathname,
  ];
  const { NODE_OPTIONS: _, ...env } = process.env;

  test('migrates', async () => {
    const schema = await newSchema();
    const args = [...program, 'migrate', '--url', databaseUrl(), '--schema', schema, '--profile', 'lean'];
    expect((await run(process.execPath, args, { env })).stdout).toBe('The tables are up to date.\n');
    await new DatabaseCache(sql, { schema }).set('a', 1);
  });

  test('prints the SQL with --dry-run, and says what is wrong otherwise, without the password', async () => {
    const printed = await run(process.execPath, [...program, 'migrate', '--dry-run', '--table', 'other'], { env });
    expect(printed.stdout).toBe(migrationSql({ table: 'other' }));
    const wrong = run(process.execPath, [...program, 'migrate', '--url', 'not a url: secret'], { env });
    await expect(wrong).rejects.toMatchObject({ code: 2, stderr: expect.not.stringContaining('secret') });
  });

  test.each(['redis://localhost', 'localhost:5432/x', 'http://user:secret@127.0.0.1', 'postgres://u:secret@host:port'])(
    'refuses the URL %s, which leads to no database of PostgreSQL, instead of taking the default one',
    async (url) => {
      await expect(run(process.execPath, [...program, 'migrate', '--url', url], { env })).rejects.toMatchObject({
        code: 2,
        stdout: '',
        stderr: 'The URL is none: postgres://user:password@host:5432/database.\n',
      });
    },
  );

  test('says in words that there is no such database or role, as connect does', async () => {
    const [nowhere, nobody] = [new URL(databaseUrl()), new URL(databaseUrl())];
    nowhere.pathname = `/${uniqueName('none')}`;
    nobody.username = uniqueName('nobody');
    for (const url of [nowhere, nobody]) {
      await expect(run(process.execPath, [...program, 'migrate', '--url', url.href], { env })).rejects.toMatchObject({
        code: 1,
        stderr: 'PostgreSQL refuses the credentials, or has no such database.\n',
      });
    }
  });
});
