import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DatabaseCache } from '@cache/postgres';
import { settle, startPostgresStandby, waitUntil } from '@cache/test-servers';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { administer } from './administrator.ts';
import { CACHE_POOLS, ownPool } from './cache-pools.ts';
import { EVERY_CALL } from './every-call.ts';
import { failureOf, recovery } from './failures.ts';
import { type MigratedServer, startMigrated } from './migrated-server.ts';

const CONNECT_TIMEOUT_MS = 20_000;
const CONNECT_LIMIT_MS = 2 * CONNECT_TIMEOUT_MS;

let migrated: MigratedServer;

beforeAll(async () => {
  migrated = await startMigrated({ wal_level: 'replica', max_wal_senders: 4 });
  const { server, admin } = migrated;
  await admin.run("CREATE ROLE app LOGIN PASSWORD 'first'; GRANT ALL ON SCHEMA public TO app");
  await admin.run(
    'GRANT ALL ON ALL TABLES IN SCHEMA public TO app; GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO app',
  );
  await admin.run('CREATE ROLE guest LOGIN');
  const rules = ['app', 'nobody'].map((user) => `host all ${user} 127.0.0.1/32 scram-sha-256`);
  const trust = ['host all all 127.0.0.1/32 trust', 'host replication all 127.0.0.1/32 trust'];
  writeFileSync(join(server.folder, 'data', 'pg_hba.conf'), `${[...rules, ...trust].join('\n')}\n`);
  await admin.run('SELECT pg_reload_conf()');
  await waitUntil('The rules', 30_000, async () => {
    const refused = await settle(connectPatiently(urlOf('app', 'x')), CONNECT_LIMIT_MS);
    if (refused.state === 'fulfilled') await refused.value.close();
    return refused.state === 'rejected';
  });
});

afterAll(async () => {
  await migrated[Symbol.asyncDispose]();
});

function urlOf(user: string, password = '', database = 'postgres'): string {
  return `postgres://${user}${password && `:${password}`}@127.0.0.1:${migrated.server.port}/${database}`;
}

/** A refusal that comes late on a busy machine is one too. */
function connectPatiently(url: string): Promise<DatabaseCache> {
  return DatabaseCache.connect(url, { connectTimeoutMs: CONNECT_TIMEOUT_MS });
}

/** Carries out what the error advises, as it stands. */
async function followGrantAdvice(message: string, role: string): Promise<void> {
  const [, grants] = /run: (GRANT .*)/.exec(message) ?? [];
  if (grants === undefined) throw new Error(`No GRANT in: ${message}`);
  await migrated.admin.run(grants.replaceAll('<role>', role));
}

describe('DatabaseCache.connect', () => {
  test.each([
    ['a wrong password', 'app', 'wrong', 'postgres'],
    ['an unknown user', 'nobody', 'secret', 'postgres'],
    ['no password', 'app', '', 'postgres'],
    ['an unknown database', 'app', 'first', 'nowhere'],
  ])('row 26: %s is refused as a configuration error', async (_, user, password, database) => {
    const outcome = await settle(connectPatiently(urlOf(user, password, database)), CONNECT_LIMIT_MS);
    if (outcome.state === 'fulfilled') await outcome.value.close();
    expect(outcome).toMatchObject({ state: 'rejected', reason: { code: 'ERR_CACHE_OPTION' } });
  });

  test.each(['postgres://user:secret@host:notaport', 'http://127.0.0.1', 'not a url', ''])(
    'row 26: the URL %j is refused as a configuration error',
    async (url) => {
      await expect(DatabaseCache.connect(url)).rejects.toMatchObject({ code: 'ERR_CACHE_OPTION' });
    },
  );
});

describe.each(CACHE_POOLS)('$pool', ({ open, recoveryLimitMs }) => {
  test('row 26: a password changed under a running cache is a configuration error on every call until it fits again', async () => {
    const { admin } = migrated;
    await using opened = await open(urlOf('app', 'first'));
    const { cache } = opened;
    await cache.set('a', 1);
    await admin.run("ALTER ROLE app PASSWORD 'second'");
    await admin.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app'");
    await waitUntil('A get that names the configuration', 30_000, async () => {
      await failureOf(cache.get('a'), 'ERR_CACHE_OPTION');
      return true;
    });
    await failureOf(cache.set('a', 2), 'ERR_CACHE_OPTION');
    await admin.run("ALTER ROLE app PASSWORD 'first'");
    await recovery('A get once the password fits again', recoveryLimitMs, () => cache.get('a'));
    expect(await cache.get('a')).toBe(1);
  });

  test('row 35: a role that lacks grants gets the command that fixes it from every call, and it does fix it', async () => {
    const { admin } = migrated;
    await admin.run(`DROP SCHEMA IF EXISTS granted CASCADE; CREATE SCHEMA granted`);
    await migrateWithCli(['--schema', 'granted']);
    await using opened = await open(urlOf('guest'), { schema: 'granted' });
    const { cache } = opened;
    for (const { operation, run } of EVERY_CALL) {
      const error = await failureOf(run(cache), 'ERR_CACHE_OPTION');
      expect({ operation, message: error.message }).toEqual({ operation, message: expect.stringContaining('GRANT') });
    }
    const { message } = await failureOf(cache.get('a'), 'ERR_CACHE_OPTION');
    await followGrantAdvice(message, 'guest');
    for (const { operation, run } of EVERY_CALL) {
      await run(cache).catch((error: unknown) => {
        throw new Error(`${operation} after the grants`, { cause: error });
      });
    }
    await admin.run('DROP SCHEMA granted CASCADE');
  });

  test('row 35: a missing table is a configuration error on every call, with the command that creates it, and is used once it is there', async () => {
    const { admin } = migrated;
    await admin.run('DROP SCHEMA IF EXISTS missing CASCADE; CREATE SCHEMA missing');
    await using opened = await open(urlOf('postgres'), { schema: 'missing', table: 'items' });
    const { cache } = opened;
    for (const { operation, run } of EVERY_CALL) {
      const { message } = await failureOf(run(cache), 'ERR_CACHE_OPTION');
      expect({ operation, message }).toEqual({
        operation,
        message: expect.stringMatching(/cache-postgres migrate --url/),
      });
    }
    const { message } = await failureOf(cache.get('a'), 'ERR_CACHE_OPTION');
    const [, flags = ''] = /migrate --url …((?: --\w+ \w+)*)/.exec(message) ?? [];
    await migrateWithCli(flags.trim().split(' '));
    await cache.set('a', 1);
    expect(await cache.get('a')).toBe(1);
    await admin.run('DROP SCHEMA missing CASCADE');
  });
});

test('row 35: on a read-only standby reads go on, each write is a configuration error that says so, and a promoted one is used', async () => {
  const { server } = migrated;
  await using primary = await ownPool.open(urlOf('postgres'), { namespace: 'replicated' });
  await primary.cache.set('a', 'value', { expirationInSeconds: null, tags: ['t'] });
  await using standby = await startPostgresStandby(server);
  await using opened = await ownPool.open(standby.url, { namespace: 'replicated' });
  const { cache } = opened;
  await waitUntil('The item on the standby', 30_000, async () => (await cache.get('a')) === 'value');
  expect(await cache.exists('a')).toBe(true);
  expect(await cache.getEntries(['a'])).toMatchObject([{ state: 'fresh', value: 'value' }]);
  for (const { operation, kind, run } of EVERY_CALL) {
    if (kind === 'read') {
      await run(cache);
      continue;
    }
    const { message } = await failureOf(run(cache), 'ERR_CACHE_OPTION');
    expect({ operation, message }).toEqual({ operation, message: expect.stringMatching(/read-only|standby/) });
  }
  await primary.cache.invalidateTags(['t']);
  await waitUntil('The invalidation on the standby', 30_000, async () => (await cache.get('a')) === undefined);
  await using admin = administer(standby);
  await admin.run('SELECT pg_promote()');
  await recovery('A set on the promoted server', 30_000, () => cache.set('a', 'promoted'));
  expect(await cache.get('a')).toBe('promoted');
});

/** Runs the command that errors advise. */
async function migrateWithCli(flags: readonly string[]): Promise<void> {
  const { NODE_OPTIONS: _, ...env } = process.env;
  const [loader, cli] = ['../../../tools/typescript.mjs', '../src/cli.ts'].map(
    (path) => new URL(path, import.meta.url),
  );
  const command = ['--conditions=@cache/source', '--import', String(loader), fileURLToPath(cli ?? ''), 'migrate'];
  const { status, stderr } = spawnSync(process.execPath, [...command, '--url', urlOf('postgres'), ...flags], {
    env,
    encoding: 'utf8',
    timeout: 120_000,
  });
  if (status !== 0) throw new Error(`The migration ended with ${status}: ${stderr}`);
}
