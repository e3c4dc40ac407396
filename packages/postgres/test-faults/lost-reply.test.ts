import { randomBytes } from 'node:crypto';
import { startProxy, waitUntil } from '@cache/test-servers';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { CACHE_POOLS } from './cache-pools.ts';
import { EVERY_CALL } from './every-call.ts';
import { outageOf, recovery } from './failures.ts';
import { type MigratedServer, startMigrated } from './migrated-server.ts';

let migrated: MigratedServer;

beforeAll(async () => {
  migrated = await startMigrated();
});

afterAll(async () => {
  await migrated[Symbol.asyncDispose]();
});

describe.each(CACHE_POOLS)('$pool', ({ pool, open, recoveryLimitMs }) => {
  test('row 24: a write whose reply is lost says that it may have happened, and one that counts was sent exactly once', async () => {
    const { server, admin } = migrated;
    await using proxy = await startProxy(server.port);
    const namespace = pool.replace(/[^a-z]/gi, '');
    await using opened = await open(proxy.urlFor(server.url), { namespace });
    const { cache } = opened;
    const loseReply = async (call: () => Promise<unknown>): Promise<void> => {
      // The statement is prepared on every connection first: the driver asks the server how to send an unknown one.
      // And a write is not sent before the fate of the one that was lost is known, so that has to be over.
      await recovery('A write before the next cut', recoveryLimitMs, () => cache.set('ready', 1));
      await recovery('A call before the next cut', recoveryLimitMs, () => cache.ping());
      proxy.cutAfterRequest();
      const { ambiguous } = await outageOf(call());
      await proxy.restore();
      expect(ambiguous).toBe(true);
    };
    const stored = (key: string): Promise<unknown> =>
      admin.valueOf(`SELECT value::text FROM cache WHERE namespace = '${namespace}' AND plain_key = '${key}'`);

    await cache.increment('n');
    for (const amount of [1, 10, -3]) {
      await recovery('A counter before the next cut', recoveryLimitMs, () => cache.increment('other'));
      const before = Number(await stored('n'));
      await loseReply(() => cache.increment('n', amount));
      // The cut may come before the statement itself was sent; it never comes after it was sent twice.
      expect([before, before + amount]).toContain(Number(await stored('n')));
    }
    await loseReply(() => cache.setWithNx('lock', 'mine'));
    await loseReply(() => cache.removeIfEquals('lock', 'mine'));
    await loseReply(() => cache.set('a', 1));
    await loseReply(() => cache.mset([['a', 2]]));
    await loseReply(() => cache.removeItem('a'));
    await recovery('A set after all that', recoveryLimitMs, () => cache.set('a', 3));
    expect(await stored('a')).toBe('3');
  });

  test('row 24: reads whose reply is cut half-way keep what has come, and the others are read over another connection', async () => {
    const { server } = migrated;
    await using proxy = await startProxy(server.port);
    await using opened = await open(proxy.urlFor(server.url), { readTimeoutMs: 20_000, writeTimeoutMs: 20_000 });
    const { cache } = opened;
    const keys = Array.from({ length: 40 }, (_, index) => `large ${index}`);
    const values = keys.map((key) => ({ key, filler: randomBytes(15_000).toString('base64') }));
    await cache.mset(values.map((value) => [value.key, value]));
    await cache.mget(keys);

    proxy.stallReplies(300_000);
    let answered = 0;
    const reads = keys.map(async (key) => {
      const value = await cache.get(key);
      answered += 1;
      return value;
    });
    await waitUntil('The answers that have come', 10_000, () => answered >= 10);
    expect(answered).toBeLessThan(keys.length);
    proxy.reset();
    await proxy.restore();
    expect(await Promise.all(reads)).toEqual(values);
  });

  test('row 24: an idempotent call whose connection is reset under it succeeds over another one', async () => {
    const { server } = migrated;
    await using proxy = await startProxy(server.port);
    await using opened = await open(proxy.urlFor(server.url), { readTimeoutMs: 20_000, writeTimeoutMs: 20_000 });
    const { cache } = opened;
    await cache.set('a', 1);
    const idempotent = [
      () => cache.get('a'),
      () => cache.set('b', 2),
      () => cache.removeItem('c'),
      () => cache.exists('a'),
      () => cache.setTtlIfEquals('a', 1, 60),
      () => cache.invalidateTags(['t']),
    ];
    for (const call of idempotent) {
      await call();
      proxy.dropReplies();
      const { accepted, lostReplies } = proxy;
      const answer = call();
      await waitUntil('A reply being lost', 30_000, () => proxy.lostReplies > lostReplies);
      await proxy.restore();
      await answer;
      expect(proxy.accepted).toBeGreaterThan(accepted);
    }
  });

  test('row 24: a connection reset with every kind of call in flight fails some by name, none otherwise, and the next call works', async () => {
    const { server } = migrated;
    await using proxy = await startProxy(server.port);
    await using opened = await open(proxy.urlFor(server.url));
    const { cache } = opened;
    await cache.set('a', 1);
    proxy.dropReplies();
    const calls = EVERY_CALL.map(async ({ kind, run }) => {
      const { ambiguous } = await outageOf(run(cache));
      if (kind === 'read') expect(ambiguous).toBe(false);
    });
    await waitUntil('A reply being lost', 30_000, () => proxy.lostReplies > 0);
    proxy.reset();
    await Promise.all(calls);
    await proxy.restore();
    await waitUntil('A get over a new connection', recoveryLimitMs, async () => {
      await cache.get('a');
      return true;
    });
  });
});
