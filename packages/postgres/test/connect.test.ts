import { DatabaseCache, migrate } from '@cache/postgres';
import { databaseUrl, type Server, settle, startPostgres, uniqueName, waitUntil } from '@cache/test-servers';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import postgres, { type Sql } from 'postgres';

let server: Server;
let admin: Sql;

beforeAll(async () => {
  server = await startPostgres();
  admin = postgres(server.url, { max: 2, onnotice: () => {} });
  await migrate(admin);
}, 60_000);

afterAll(async () => {
  await admin.end({ timeout: 0 });
  await server.close();
});

const quiet = { hooks: { onError: () => {} } };

describe('connect', () => {
  test('fulfils although the server is down, and the cache works once it is there', async () => {
    await server.stop();
    const connected = await settle(DatabaseCache.connect(server.url, { connectTimeoutMs: 300, ...quiet }), 5_000);
    if (connected.state === 'rejected') throw connected.reason;
    const cache = connected.value;
    await expect(cache.get('a')).rejects.toMatchObject({ code: 'ERR_CACHE_UNAVAILABLE', ambiguous: false });
    await server.restart();
    await waitUntil('the cache answers', 20_000, async () => (await cache.get('a')) === undefined);
    await cache.set('a', 1);
    expect(await cache.get('a')).toBe(1);
    await cache.close();
  });

  test('rejects for a URL that is none, and for a database that is none', async () => {
    await expect(DatabaseCache.connect('nonsense')).rejects.toMatchObject({ code: 'ERR_CACHE_OPTION' });
    const url = new URL(databaseUrl());
    url.pathname = `/${uniqueName('none')}`;
    await expect(DatabaseCache.connect(url.href)).rejects.toMatchObject({ code: 'ERR_CACHE_OPTION' });
  });
});

describe('close', () => {
  test('lets calls under way settle, ends what connect opened, and refuses every later call by name', async () => {
    const before = await connections();
    const cache = await DatabaseCache.connect(server.url, { writeTimeoutMs: 5_000 });
    const [stored] = await Promise.all([cache.set('b', 1), cache.close()]);
    expect(stored).toBeUndefined();
    await cache.close();
    for (const call of [() => cache.get('a'), () => cache.set('a', 1), () => cache.ping(), () => cache.clear()]) {
      await expect(call()).rejects.toMatchObject({ code: 'ERR_CACHE_CLOSED' });
    }
    await waitUntil('the connections are gone', 5_000, async () => (await connections()) === before);
  });

  test('leaves a pool that was handed over as it is', async () => {
    const cache = new DatabaseCache(admin);
    await cache.close();
    expect(await admin`SELECT 1 AS one`).toEqual([{ one: 1 }]);
  });

  async function connections(): Promise<number> {
    return (await admin`SELECT FROM pg_stat_activity WHERE backend_type = 'client backend'`).length;
  }
});

describe('a call that waits', () => {
  test('for a row lock gives up at its deadline, and what it wrote never lands after a later write', async () => {
    await using cache = await DatabaseCache.connect(server.url, { readTimeoutMs: 5_000, ...quiet });
    await cache.set('a', 'first');
    await admin.begin(async (tx) => {
      await tx`SELECT FROM cache WHERE plain_key = 'a' FOR UPDATE`;
      const late = await settle(cache.set('a', 'late'), 5_000);
      expect(late).toMatchObject({ state: 'rejected', reason: { code: 'ERR_CACHE_TIMEOUT', ambiguous: true } });
    });
    await waitUntil('a later write is taken', 10_000, async () => {
      await cache.set('a', 'last');
      return true;
    });
    await new Promise((resume) => setTimeout(resume, 200));
    expect(await cache.get('a')).toBe('last');
  });

  test('for a connection of an exhausted pool gives up at its deadline too', async () => {
    const sql = postgres(server.url, { max: 1, onnotice: () => {} });
    const cache = new DatabaseCache(sql, { ...quiet });
    await sql.begin(async () => {
      const waiting = await settle(cache.get('a'), 5_000);
      expect(waiting).toMatchObject({ state: 'rejected', reason: { code: 'ERR_CACHE_TIMEOUT' } });
    });
    expect(await settle(cache.get('a'), 5_000)).toMatchObject({ state: 'fulfilled' });
    await sql.end({ timeout: 1 });
  });
});

describe('connections that the server ended while they were idle', () => {
  test('cost reads and sets nothing: they are tried again', async () => {
    await using cache = await DatabaseCache.connect(server.url, {
      maxConnections: 4,
      readTimeoutMs: 5_000,
      writeTimeoutMs: 5_000,
    });
    await cache.mset(Array.from({ length: 50 }, (_, index) => [`key ${index}`, index]));
    for (let round = 0; round < 5; round += 1) {
      await admin`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()
        AND backend_type = 'client backend'`;
      expect(await cache.get('key 7')).toBe(7);
      await cache.set('key 7', 7);
    }
  });
});

describe('the constructor', () => {
  test('refuses what is no postgres.js instance, one that transforms rows, and options that are none', () => {
    const transforming = postgres(server.url, { transform: { row: { from: (row: unknown) => row } } as never });
    const bad: [unknown, object][] = [
      [undefined, {}],
      [{}, {}],
      [transforming, {}],
      [admin, { namespace: 'a b' }],
      [admin, { readTimeoutMs: 0 }],
      [admin, { maxPending: 1.5 }],
      [admin, { defaultExpirationInSeconds: -1 }],
      [admin, { plainKey: 'half' }],
    ];
    for (const [sql, options] of bad) {
      expect(() => new DatabaseCache(sql as Sql, options)).toThrow(
        expect.objectContaining({ code: 'ERR_CACHE_OPTION' }),
      );
    }
  });

  test('takes an instance with types and transforms of its own, which do not reach the cache', async () => {
    const sql = postgres(server.url, {
      max: 1,
      transform: { ...postgres.camel, value: { from: () => 'transformed' } } as never,
      onnotice: () => {},
    });
    const cache = new DatabaseCache(sql as unknown as Sql);
    await cache.set('snake_key', { snake_case: 1 });
    expect(await cache.get('snake_key')).toEqual({ snake_case: 1 });
    await sql.end({ timeout: 1 });
  });
});
