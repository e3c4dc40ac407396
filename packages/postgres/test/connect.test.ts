import { DatabaseCache, migrate, postgresBus } from '@cache/postgres';
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
    const cache = await DatabaseCache.connect(server.url, { readTimeoutMs: 5_000, writeTimeoutMs: 5_000 });
    await cache.set('a', 0);
    const calls = [cache.set('b', 1), cache.get('a'), cache.mget(['a']), cache.exists('a'), cache.increment('a')];
    const [settled] = await Promise.all([Promise.all(calls), cache.close()]);
    expect(settled).toEqual([undefined, 0, [0], true, 1]);
    const reader = await DatabaseCache.connect(server.url, { readTimeoutMs: 5_000 });
    expect(await Promise.all([reader.get('a'), reader.close()])).toEqual([1, undefined]);
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

  test('of the pool by its owner is a configuration error for every later call, not an outage', async () => {
    const sql = postgres(server.url, { max: 1, onnotice: () => {} });
    const cache = new DatabaseCache(sql, quiet);
    await cache.set('a', 1);
    await sql.end({ timeout: 1 });
    for (const call of [
      () => cache.get('a'),
      () => cache.set('a', 1),
      () => cache.increment('n'),
      () => cache.ping(),
    ]) {
      await expect(call()).rejects.toMatchObject({
        code: 'ERR_CACHE_OPTION',
        message: expect.stringContaining('end it after the cache'),
      });
    }
    await cache.close();
    await expect(cache.get('a')).rejects.toMatchObject({ code: 'ERR_CACHE_CLOSED' });
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

describe('the connections that connect opens', () => {
  /** What reads say while a set waits for a row that somebody else has locked. */
  async function readsBesideWaitingSet(maxConnections: number): Promise<unknown[]> {
    const namespace = uniqueName('lanes');
    const cache = await DatabaseCache.connect(server.url, {
      namespace,
      maxConnections,
      readTimeoutMs: 1_000,
      writeTimeoutMs: 20_000,
      ...quiet,
    });
    await cache.mset([
      ['locked', 1],
      ['free', 2],
    ]);
    const answers: unknown[] = [];
    let set = Promise.resolve();
    await admin.begin(async (tx) => {
      await tx`SELECT FROM cache WHERE namespace = ${namespace} AND plain_key = 'locked' FOR UPDATE`;
      set = cache.set('locked', 3);
      set.catch(() => {});
      await waitUntil('the set waits', 5_000, async () => {
        const [row] = await admin`SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'`;
        return row !== undefined;
      });
      for (let read = 0; read < 20; read += 1) {
        answers.push(await cache.get('free').catch((error: { code: string }) => error.code));
        if (answers.at(-1) !== 2) break;
      }
    });
    await set.catch(() => {});
    await cache.close();
    return answers;
  }

  test('let reads by while a write waits for a lock', async () => {
    expect(await readsBesideWaitingSet(2)).toEqual(Array(20).fill(2));
  });

  test('control: over one connection alone a read waits with it', async () => {
    expect(await readsBesideWaitingSet(1)).toEqual(['ERR_CACHE_TIMEOUT']);
  });

  test('let one write by while another waits for a lock', async () => {
    const namespace = uniqueName('lanes');
    const options = { namespace, readTimeoutMs: 20_000, writeTimeoutMs: 20_000 };
    await using cache = await DatabaseCache.connect(server.url, options);
    await cache.increment('locked');
    await admin.begin(async (tx) => {
      await tx`SELECT FROM cache WHERE namespace = ${namespace} AND plain_key = 'locked' FOR UPDATE`;
      const waiting = cache.increment('locked');
      const written = await settle(cache.increment('free'), 10_000);
      await tx`SELECT 1`;
      expect(written).toMatchObject({ state: 'fulfilled', value: 1 });
      void waiting;
    });
    expect(await cache.get('locked')).toBe(2);
  });

  /** A cache on four connections, and how many it has opened. */
  async function countedCache(): Promise<{ cache: DatabaseCache; connections: () => Promise<number> }> {
    const name = uniqueName('lanes');
    const url = new URL(server.url);
    url.searchParams.set('application_name', name);
    const options = { maxConnections: 4, maxBatchSize: 1, readTimeoutMs: 20_000, writeTimeoutMs: 20_000 };
    const cache = await DatabaseCache.connect(url.href, options);
    return {
      cache,
      connections: async () => (await admin`SELECT FROM pg_stat_activity WHERE application_name = ${name}`).length,
    };
  }

  test('are no more than one for reads that come one at a time, and another for such writes', async () => {
    const { cache, connections } = await countedCache();
    for (let read = 0; read < 200; read += 1) await cache.get('a');
    expect(await connections()).toBe(1);
    for (let write = 0; write < 200; write += 1) await cache.set('a', write);
    expect(await connections()).toBe(2);
    await cache.close();
  });

  test('share reads of large values, and not those of small ones', async () => {
    const writer = new DatabaseCache(admin, { readTimeoutMs: 20_000, writeTimeoutMs: 20_000 });
    const { cache, connections } = await countedCache();
    for (const [length, expected] of [
      [100, 1],
      [900_000, 2],
    ] as const) {
      await writer.mset([
        ['large 1', 'x'.repeat(length)],
        ['large 2', 'y'.repeat(length)],
      ]);
      // What values take is learnt from those that were read.
      for (let read = 0; read < 20; read += 1) await cache.get('large 1');
      const [first, second] = await Promise.all([cache.get<string>('large 1'), cache.get<string>('large 2')]);
      expect([first?.length, second?.length]).toEqual([length, length]);
      expect(await connections()).toBe(expected);
    }
    await cache.close();
  });

  test('are never more than asked for, however much there is to do', async () => {
    const { cache, connections } = await countedCache();
    const keys = Array.from({ length: 200 }, (_, index) => `k${index}`);
    await Promise.all(keys.flatMap((key) => [cache.increment(key), cache.exists(key), cache.get(key)]));
    expect(await connections()).toBe(4);
    await cache.close();
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
      [admin, { serializer: JSON }],
      [admin, { serializer: 'json' }],
      [admin, { serializer: {} }],
      [admin, { bus: 'x' }],
      [admin, { bus: null }],
    ];
    for (const [sql, options] of bad) {
      expect(() => new DatabaseCache(sql as Sql, options)).toThrow(
        expect.objectContaining({ code: 'ERR_CACHE_OPTION' }),
      );
    }
  });

  test('refuses a bus over what is no postgres.js instance', () => {
    for (const sql of [undefined, null, {}, 'postgres://localhost/x'] as unknown as Sql[]) {
      expect(() => postgresBus(sql)).toThrow(
        expect.objectContaining({ code: 'ERR_CACHE_OPTION', message: expect.stringContaining('postgres(url)') }),
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
