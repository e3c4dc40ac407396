import { RedisCache } from '@cache/redis';
import { startLoad, startProxy, startRedis, waitUntil } from '@cache/test-servers';
import { describe, expect, test } from '@jest/globals';
import { createClient } from 'redis';
import { administer } from './administrator.ts';
import { CACHE_CLIENTS, PREFIX } from './cache-clients.ts';
import { EVERY_CALL } from './every-call.ts';
import { failureOf, outageOf, recovery, SETTLED_LIMIT_MS } from './failures.ts';

describe.each(CACHE_CLIENTS)('$client', ({ open, openWhileDown, recoveryLimitMs }) => {
  test('row 19: while a server is not there yet, every call rejects in time and leaves nothing behind to happen later', async () => {
    await using server = await startRedis();
    await server.kill();
    await using opened = await openWhileDown(server.url);
    const { cache } = opened;
    const failures = await Promise.all(EVERY_CALL.map(({ run }) => outageOf(run(cache))));
    expect(failures.filter(({ ambiguous }) => ambiguous)).toEqual([]);

    await server.restart();
    await recovery('A get once the server is there', recoveryLimitMs, () => cache.get('a'));
    await using admin = await administer(server);
    expect(await admin.send('DBSIZE')).toBe(0);
  });

  test('row 20: a server killed under load fails the calls in flight, counts none twice, and is used again after its restart', async () => {
    await using server = await startRedis({ args: ['--appendonly', 'yes', '--appendfsync', 'always'] });
    await using opened = await open(server.url);
    const { cache } = opened;
    const load = startLoad(20, async () => {
      await cache.increment('n', 1, { expirationInSeconds: null });
    });
    await waitUntil('100 increments', 30_000, () => load.succeeded >= 100);
    await server.kill();
    await waitUntil('100 failures', 30_000, () => load.failures.length >= 100);
    await server.restart();
    const acknowledgedBefore = load.succeeded;
    await waitUntil('An increment after the restart', recoveryLimitMs, () => load.succeeded > acknowledgedBefore);
    await load.stop();

    expect(load.slowestMs).toBeLessThan(SETTLED_LIMIT_MS);
    expect(new Set(load.failures.map(({ code }) => code))).not.toContain('ERR_CACHE_VALUE');
    const ambiguous = load.failures.filter((failure) => failure.ambiguous).length;
    const count = await cache.get<number>('n');
    expect(count).toBeGreaterThanOrEqual(load.succeeded);
    expect(count).toBeLessThanOrEqual(load.succeeded + ambiguous);
  });

  test('row 25: a server that comes back empty is all misses, its scripts are loaded anew, and nothing from before is served', async () => {
    await using server = await startRedis();
    await using opened = await open(server.url);
    const { cache } = opened;
    await cache.set('plain', 1);
    await cache.set('tagged', 1, { tags: ['t'] });
    const { lease } = (await cache.getOrLease('leased')) as { lease?: { key: string; token: string } };
    if (lease === undefined) throw new Error('The first to ask gets the lease.');
    await server.kill();
    await server.restart();
    await recovery('A get after the restart', recoveryLimitMs, () => cache.get('plain'));

    expect(await cache.mget(['plain', 'tagged', 'leased'])).toEqual([undefined, undefined, undefined]);
    expect(await cache.fill(lease, 'loaded before')).toBe(false);
    expect(await cache.increment('n')).toBe(1);
    await cache.set('tagged', 2, { tags: ['t'] });
    expect(await cache.get('tagged')).toBe(2);
    await cache.invalidateTags(['t']);
    expect(await cache.get('tagged')).toBeUndefined();
    expect(await cache.getOrLease('leased')).toMatchObject({ state: 'missing', lease: expect.anything() });
  });

  test('row 25: on a server that has begun to number its connections anew, no other application loses one', async () => {
    await using server = await startRedis();
    await using proxy = await startProxy(server.port);
    await using opened = await open(proxy.urlFor(server.url));
    await opened.cache.set('a', 1);
    await proxy.refuse();
    await server.restart();
    const others = await Promise.all(Array.from({ length: 20 }, () => administer(server)));
    try {
      await proxy.restore();
      await recovery('A get after the restart', recoveryLimitMs, () => opened.cache.get('a'));
      await opened.cache.ping();
      await Promise.all(others.map((other) => other.send('PING')));
    } finally {
      await Promise.all(others.map((other) => other[Symbol.asyncDispose]()));
    }
  });

  test('row 25: SCRIPT FLUSH is not noticed', async () => {
    await using server = await startRedis();
    await using admin = await administer(server);
    await using opened = await open(server.url);
    for (const { operation, run } of [...EVERY_CALL, ...EVERY_CALL]) {
      await admin.send('SCRIPT', 'FLUSH');
      await run(opened.cache).catch((error: unknown) => {
        throw new Error(`${operation} after SCRIPT FLUSH`, { cause: error });
      });
    }
  });
});

test('row 19: a client that nobody connected is a configuration error, and not an outage', async () => {
  const cache = new RedisCache(createClient(), { prefix: PREFIX });
  await Promise.all(EVERY_CALL.map(({ run }) => failureOf(run(cache), 'ERR_CACHE_OPTION')));
});
