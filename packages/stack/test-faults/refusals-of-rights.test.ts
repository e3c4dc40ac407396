import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { InMemoryCache } from '@cache/memory';
import { DatabaseCache, migrate } from '@cache/postgres';
import { RedisCache } from '@cache/redis';
import { createCache, type StackCache } from '@cache/stack';
import { settle, startPostgres, startRedis, waitUntil } from '@cache/test-servers';
import { describe, expect, test } from '@jest/globals';
import postgres from 'postgres';
import { createClient } from 'redis';
import { DEADLINES, type OpenedLevel } from './backends.ts';

const SETTLED_LIMIT_MS = 5_000;
const RECOVERY_LIMIT_MS = 30_000;
const LEVEL = { hooks: { onError: () => {} }, ...DEADLINES };

/** A server whose user `app` loses a right, or its password, and gets it back. */
interface GuardedServer extends AsyncDisposable {
  open(): Promise<OpenedLevel<string>>;
  /** It reads on, and removes nothing. */
  forbidRemovals(): Promise<void>;
  /** The password is another one, and who is connected is thrown out. */
  changePassword(): Promise<void>;
  restore(): Promise<void>;
}

async function guardedRedis(): Promise<GuardedServer> {
  const server = await startRedis();
  const admin = await createClient({ url: server.url }).connect();
  const setUser = (...rules: string[]): Promise<unknown> => admin.sendCommand(['ACL', 'SETUSER', 'app', ...rules]);
  await setUser('on', '>first', '~*', '&*', '+@all');
  return {
    open: () => RedisCache.connect<string>(`redis://app:first@127.0.0.1:${server.port}`, { prefix: 'app:', ...LEVEL }),
    forbidRemovals: async () => void (await setUser('-unlink', '-del', '-evalsha', '-eval')),
    changePassword: async () => {
      await setUser('resetpass', '>second');
      await admin.sendCommand(['CLIENT', 'KILL', 'USER', 'app']);
    },
    restore: async () => void (await setUser('resetpass', '>first', '+@all')),
    [Symbol.asyncDispose]: async () => {
      admin.destroy();
      await server.close();
    },
  };
}

async function guardedPostgres(): Promise<GuardedServer> {
  const server = await startPostgres();
  const sql = postgres(server.url, { max: 1, onnotice: () => {} });
  const run = async (...statements: string[]): Promise<void> => {
    for (const statement of statements) await sql.unsafe(statement);
  };
  const grants = ['TABLES', 'SEQUENCES'].map((kind) => `GRANT ALL ON ALL ${kind} IN SCHEMA public TO app`);
  await migrate(sql);
  await run("CREATE ROLE app LOGIN PASSWORD 'first'", ...grants);
  const rules = ['host all app 127.0.0.1/32 scram-sha-256', 'host all all 127.0.0.1/32 trust'];
  writeFileSync(join(server.folder, 'data', 'pg_hba.conf'), `${rules.join('\n')}\n`);
  await run('SELECT pg_reload_conf()');
  return {
    open: () => DatabaseCache.connect<string>(`postgres://app:first@127.0.0.1:${server.port}/postgres`, LEVEL),
    forbidRemovals: () => run('REVOKE UPDATE, DELETE ON ALL TABLES IN SCHEMA public FROM app'),
    changePassword: () =>
      run(
        "ALTER ROLE app PASSWORD 'second'",
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app'",
      ),
    restore: () => run("ALTER ROLE app PASSWORD 'first'", ...grants),
    [Symbol.asyncDispose]: async () => {
      await sql.end({ timeout: 1 });
      await server.close();
    },
  };
}

/** Twenty callers at once, and how often the loader was called for them. */
async function loadsOf(cache: StackCache<string>, key: string): Promise<number> {
  let loads = 0;
  const load = async (): Promise<string> => {
    loads += 1;
    await new Promise(setImmediate);
    return 'loaded';
  };
  const outcome = await settle(
    Promise.all(Array.from({ length: 20 }, () => cache.getOrSet(key, load))),
    SETTLED_LIMIT_MS,
  );
  expect(outcome).toMatchObject({ state: 'fulfilled', value: Array(20).fill('loaded') });
  return loads;
}

describe.each([
  ['Redis', guardedRedis],
  ['PostgreSQL', guardedPostgres],
] as const)('%s', (_, start) => {
  test.each([
    ['the right to remove is missing', 'forbidRemovals'],
    ['the password is another one', 'changePassword'],
  ] as const)(
    'row 26: while %s, a removal is queued, and this process never reads the old value again',
    async (_name, refuse) => {
      await using server = await start();
      const l2 = await server.open();
      const codes = new Set<string>();
      const hooks = { onError: ({ error }: { error: { code: string } }) => void codes.add(error.code) };
      try {
        await using cache = createCache<string>({ l1: new InMemoryCache({ maxSize: 100 }), l2, hooks });
        await cache.set('a', 'old');
        await cache.set('b', 'kept');
        await server[refuse]();
        const removal = await settle(cache.removeItem('a'), SETTLED_LIMIT_MS);
        expect(removal).toMatchObject({ state: 'rejected', reason: { code: 'ERR_CACHE_UNAVAILABLE', queued: true } });
        expect(cache.breaker).toMatchObject({ queuedInvalidations: 1 });
        await waitUntil('onError naming the configuration', RECOVERY_LIMIT_MS, () => codes.has('ERR_CACHE_OPTION'));
        expect(cache.breaker?.state).not.toBe('closed');
        expect(await loadsOf(cache, 'c')).toBe(1);
        for (let call = 0; call < 5; call += 1) expect(await cache.get('a')).toBe(undefined);

        await server.restore();
        const seen = new Set<unknown>();
        await waitUntil('The breaker closing', RECOVERY_LIMIT_MS, async () => {
          seen.add(await cache.get('a'));
          return cache.breaker?.state === 'closed';
        });
        seen.add(await cache.get('a'));
        expect([...seen]).toEqual([undefined]);
        expect(cache.breaker).toMatchObject({ queuedInvalidations: 0 });
        expect(await l2.get('a')).toBe(undefined);
        expect(await cache.get('b')).toBe('kept');
      } finally {
        await l2.close();
      }
    },
  );
});

test('row 35: without its table, a key is loaded once for all who ask, and the first level keeps it until the table is there', async () => {
  await using server = await startPostgres();
  const sql = postgres(server.url, { max: 1, onnotice: () => {} });
  const l2 = await DatabaseCache.connect<string>(server.url, LEVEL);
  try {
    const hooks = { onError: () => {} };
    const l1 = new InMemoryCache<string>({ maxSize: 100 });
    await using cache = createCache<string>({ l1, l2, hooks, maxL1StalenessInSeconds: 60 });
    expect(await settle(cache.ready({ timeoutMs: 4_000 }), SETTLED_LIMIT_MS)).toMatchObject({
      state: 'rejected',
      reason: { code: 'ERR_CACHE_OPTION' },
    });
    expect(await loadsOf(cache, 'a')).toBe(1);
    for (let call = 0; call < 5; call += 1) await cache.get(`b${call}`);
    expect(cache.breaker?.state).not.toBe('closed');
    expect(await loadsOf(cache, 'c')).toBe(1);
    expect(await loadsOf(cache, 'c')).toBe(0);
    await migrate(sql);
    await waitUntil('The breaker closing', RECOVERY_LIMIT_MS, () => cache.breaker?.state === 'closed');
    await cache.set('a', 'stored');
    expect(await l2.get('a')).toBe('stored');
  } finally {
    await l2.close();
    await sql.end({ timeout: 1 });
  }
});

test('row 35: a PostgreSQL that became read-only is not read before it takes the removal again', async () => {
  await using server = await startPostgres();
  const sql = postgres(server.url, { max: 1, onnotice: () => {} });
  await migrate(sql);
  const l2 = await DatabaseCache.connect<string>(server.url, LEVEL);
  const setReadOnly = async (value: 'on' | 'off'): Promise<void> => {
    await sql.unsafe(`SET default_transaction_read_only = off`);
    await sql.unsafe(`ALTER SYSTEM SET default_transaction_read_only = ${value}`);
    await sql.unsafe('SELECT pg_reload_conf()');
  };
  try {
    await using cache = createCache<string>({ l2, hooks: { onError: () => {} } });
    await cache.set('a', 'old');
    await setReadOnly('on');
    await waitUntil('It being read-only', RECOVERY_LIMIT_MS, async () => {
      const { state } = await settle(l2.set('x', 'y'), SETTLED_LIMIT_MS);
      return state === 'rejected';
    });
    const removal = await settle(cache.removeItem('a'), SETTLED_LIMIT_MS);
    expect(removal).toMatchObject({
      state: 'rejected',
      reason: { code: 'ERR_CACHE_UNAVAILABLE', queued: true, cause: { code: 'ERR_CACHE_OPTION' } },
    });
    expect(await l2.get('a')).toBe('old');
    expect(await cache.get('a')).toBe(undefined);
    expect(await cache.getOrSet('a', () => 'loaded')).toBe('loaded');
    await setReadOnly('off');
    await waitUntil('The breaker closing', RECOVERY_LIMIT_MS, () => cache.breaker?.state === 'closed');
    expect(await cache.get('a')).toBe(undefined);
  } finally {
    await l2.close();
    await sql.end({ timeout: 1 });
  }
});
