import { DatabaseCache } from '@cache/postgres';
import { settle, startProxy, uniqueName, waitUntil } from '@cache/test-servers';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ownPool } from './cache-pools.ts';
import { failureOf, outageOf, recovery, SETTLED_LIMIT_MS } from './failures.ts';
import { type MigratedServer, startMigrated } from './migrated-server.ts';

/** What happens to one of the connections that `connect` opens, and to what waits for one. */
let migrated: MigratedServer;

beforeAll(async () => {
  migrated = await startMigrated();
});

afterAll(async () => {
  await migrated[Symbol.asyncDispose]();
});

const PATIENT = { readTimeoutMs: 10_000, writeTimeoutMs: 10_000 };

/** A cache whose reads go over one connection and whose writes go over another, and the server processes of both. */
async function readerAndWriter(options: object = PATIENT): Promise<{ cache: DatabaseCache; pids: [number, number] }> {
  const { server, admin } = migrated;
  const name = uniqueName('lanes');
  const processes = async (): Promise<number[]> => {
    const rows = await admin.run(`SELECT pid FROM pg_stat_activity WHERE application_name = '${name}'`);
    return rows.map(({ pid }) => Number(pid));
  };
  const cache = await DatabaseCache.connect(`${server.url}?application_name=${name}`, {
    namespace: name,
    hooks: { onError: () => {} },
    ...options,
  });
  await recovery('A get', 30_000, () => cache.get('a'));
  const [reader, ...others] = await processes();
  if (reader === undefined || others.length > 0) throw new Error('A read needs one connection.');
  let writer: number | undefined;
  await waitUntil('A connection for writes', 30_000, async () => {
    await cache.set('a', 0);
    writer = (await processes()).find((pid) => pid !== reader);
    return writer !== undefined;
  });
  if (writer === undefined) throw new Error('A write needs another connection.');
  return { cache, pids: [reader, writer] };
}

describe('the order in which a program calls a key', () => {
  const absent: [string, (cache: DatabaseCache) => Promise<unknown>, unknown][] = [
    ['get', (cache) => cache.get('b'), undefined],
    ['mget', (cache) => cache.mget(['c', 'b']), [undefined, undefined]],
    ['exists', (cache) => cache.exists('b'), false],
    ['getTtl', (cache) => cache.getTtl('b'), undefined],
    ['inspect', (cache) => cache.inspect('b'), undefined],
    ['getEntries', (cache) => cache.getEntries(['c', 'b']), [{ state: 'missing' }, { state: 'missing' }]],
  ];

  test.each(absent)('holds for %s, however late it is, and whatever writes after it', async (_, read, before) => {
    const { cache, pids } = await readerAndWriter();
    const writes: ((count: number) => Promise<unknown>)[] = [
      () => cache.set('b', 1),
      () => cache.increment('b'),
      () => cache.setWithNx('b', 1),
      () => cache.mset([['b', 1]]),
    ];
    for (const write of writes) {
      process.kill(pids[0], 'SIGSTOP');
      const answers = [read(cache), read(cache)];
      const written = write(1);
      // What overtakes is done by then.
      await Promise.race([written, new Promise((resume) => setTimeout(resume, 100))]);
      process.kill(pids[0], 'SIGCONT');
      expect(await Promise.all(answers)).toEqual([before, before]);
      await written;
      expect(await cache.get('b')).toBe(1);
      await cache.removeItem('b');
    }
    await cache.close();
  });

  test('holds for getEntries between writes of its keys, and nobody waits for himself', async () => {
    const { cache } = await readerAndWriter();
    for (let round = 1; round <= 20; round += 1) {
      const entries = [];
      for (let step = 0; step < 3; step += 1) {
        void cache.set('x', round + step);
        void cache.increment('y');
        entries.push(cache.getEntries(['x', 'y']));
      }
      void cache.mset([
        ['y', 0],
        ['x', 0],
      ]);
      const expected = [0, 1, 2].map((step) => [{ value: round + step }, { value: step + 1 }]);
      expect(await Promise.all(entries)).toMatchObject(expected);
      expect(await cache.mget(['x', 'y'])).toEqual([0, 0]);
    }
    await cache.close();
  });
});

describe('one connection of several', () => {
  test('that is ended costs neither reads nor sets anything', async () => {
    const { admin } = migrated;
    for (const ended of [0, 1] as const) {
      const { cache, pids } = await readerAndWriter();
      await admin.run(`SELECT pg_terminate_backend(${pids[ended]})`);
      await Promise.all([cache.set('a', 1), cache.get('b')]);
      expect(await cache.get('a')).toBe(1);
      await cache.close();
    }
  });

  test('that writes and hangs leaves reads alone, and is replaced for the next write', async () => {
    const { cache, pids } = await readerAndWriter({ readTimeoutMs: 5_000, writeTimeoutMs: 1_000 });
    process.kill(pids[1], 'SIGSTOP');
    try {
      const late = settle(cache.set('a', 'late'), SETTLED_LIMIT_MS);
      for (let read = 0; read < 50; read += 1) expect(await cache.get('b')).toBeUndefined();
      expect(await late).toMatchObject({ state: 'rejected', reason: { code: 'ERR_CACHE_TIMEOUT' } });
      expect(await cache.get('b')).toBeUndefined();
    } finally {
      process.kill(pids[1], 'SIGCONT');
    }
    await recovery('A set', ownPool.recoveryLimitMs, () => cache.set('a', 'last'));
    expect(await cache.get('a')).toBe('last');
    await cache.close();
  });

  test('is enough where the server lets no second one in', async () => {
    const { server, admin } = migrated;
    await admin.run(`CREATE ROLE single LOGIN CONNECTION LIMIT 1; GRANT ALL ON ALL TABLES IN SCHEMA public TO single;
      GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO single`);
    const url = server.url.replace('postgres@', 'single@');
    for (const maxConnections of [2, 5]) {
      const cache = await DatabaseCache.connect(url, { maxConnections, namespace: 'single', ...PATIENT });
      await cache.clear();
      const counts = await Promise.all(Array.from({ length: 20 }, () => cache.increment('n')));
      expect(counts).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
      await Promise.all(Array.from({ length: 20 }, (_, index) => cache.setWithNx(`k${index}`, index)));
      expect(await cache.mget(['k0', 'k19', 'n'])).toEqual([0, 19, 20]);
      await cache.close();
      await waitUntil('Nobody being there', 30_000, async () => {
        return (await admin.valueOf(`SELECT count(*)::int FROM pg_stat_activity WHERE usename = 'single'`)) === 0;
      });
    }
  });

  test('and another as soon as there is room', async () => {
    const { server, admin } = migrated;
    await admin.run('ALTER ROLE single CONNECTION LIMIT 1');
    const cache = await DatabaseCache.connect(server.url.replace('postgres@', 'single@'), PATIENT);
    await cache.set('a', 1);
    await admin.run('ALTER ROLE single CONNECTION LIMIT 2');
    await waitUntil('A second connection', 30_000, async () => {
      await cache.set('a', 2);
      return (await admin.valueOf(`SELECT count(*)::int FROM pg_stat_activity WHERE usename = 'single'`)) === 2;
    });
    await cache.close();
  });
});

describe('what waits for a connection', () => {
  test('counts towards maxPending no longer once its connection was given up', async () => {
    const { server } = migrated;
    await using proxy = await startProxy(server.port);
    const maxPending = 60;
    await using opened = await ownPool.open(proxy.urlFor(server.url), { maxPending, readTimeoutMs: 250 });
    const { cache } = opened;
    await recovery('A get', 30_000, () => cache.get('a'));
    proxy.latency(200);
    proxy.reset();
    const calls = (count: number): Promise<unknown>[] =>
      Array.from({ length: count }, (_, index) => cache.exists(`k${index}`));
    for (let round = 0; round < 3; round += 1) await Promise.all(calls(20).map((call) => outageOf(call)));
    await proxy.restore();
    await recovery('As many as may wait', 30_000, () => Promise.all(calls(maxPending)));
  });

  test('is not written after a later write, when it gets one at last', async () => {
    const { server } = migrated;
    await using proxy = await startProxy(server.port);
    const namespace = uniqueName('unsent');
    const deadlines = { readTimeoutMs: 250, writeTimeoutMs: 500 };
    await using opened = await ownPool.open(proxy.urlFor(server.url), { namespace, ...deadlines });
    const { cache } = opened;
    await recovery('A get', 30_000, () => cache.get('a'));
    proxy.latency(700);
    // The read's deadline replaces the connections, so that the write's, soon after, does not.
    const read = failureOf(cache.get('b'), 'ERR_CACHE_TIMEOUT');
    await failureOf(cache.set('a', 'late'), 'ERR_CACHE_TIMEOUT');
    await read;
    proxy.latency(0);
    await recovery('A later write', ownPool.recoveryLimitMs, () => cache.set('a', 'last'));
    await new Promise((resume) => setTimeout(resume, 1_000));
    await recovery('A get', 30_000, async () => expect(await cache.get('a')).toBe('last'));
  });
});
