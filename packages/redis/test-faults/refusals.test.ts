import { settle, startRedis, waitUntil } from '@cache/test-servers';
import { describe, expect, test } from '@jest/globals';
import { administer } from './administrator.ts';
import { CACHE_CLIENTS, PREFIX } from './cache-clients.ts';
import { EVERY_CALL } from './every-call.ts';
import { failureOf, recovery, SETTLED_LIMIT_MS } from './failures.ts';

describe.each(CACHE_CLIENTS)('$client', ({ open, recoveryLimitMs }) => {
  test('row 27: a full server fails every set and removes the key, so that nobody reads the old value', async () => {
    await using server = await startRedis();
    await using admin = await administer(server);
    await using opened = await open(server.url);
    const { cache } = opened;
    const keys = ['set', 'tagged', 'mset1', 'mset2', 'other'];
    await cache.mset(keys.map((key) => [key, 'old']));
    await admin.send('CONFIG', 'SET', 'maxmemory', '1');

    await failureOf(cache.set('set', 'new'), 'ERR_CACHE_UNAVAILABLE');
    await failureOf(cache.set('tagged', 'new', { tags: ['t'] }), 'ERR_CACHE_UNAVAILABLE');
    await failureOf(
      cache.mset([
        ['mset1', 'new'],
        ['mset2', 'new'],
      ]),
      'ERR_CACHE_UNAVAILABLE',
    );
    await failureOf(cache.increment('n'), 'ERR_CACHE_UNAVAILABLE');
    await failureOf(cache.setWithNx('nx', 1), 'ERR_CACHE_UNAVAILABLE');
    await waitUntil('The old values being gone', 30_000, async () => {
      const left = await cache.mget(keys);
      return left.slice(0, 4).every((value) => value === undefined) && left[4] === 'old';
    });
    expect(await cache.removeItem('other')).toBe(true);
    await admin.send('CONFIG', 'SET', 'maxmemory', '0');
    await cache.set('set', 'newer');
    expect(await cache.get('set')).toBe('newer');
  });

  test('row 27: a full server still carries out every invalidation, and a load goes on without being stored', async () => {
    await using server = await startRedis();
    await using admin = await administer(server);
    await using opened = await open(server.url);
    const { cache } = opened;
    await cache.mset([
      ['a', 1],
      ['b', 1],
    ]);
    await cache.set('live', 1);
    await cache.set('tagged', 1, { tags: ['t'] });
    await cache.set('soft', 1, { tags: ['s'] });
    const before = await cache.getOrLease('loading');
    const lease = 'lease' in before ? before.lease : undefined;
    if (lease === undefined) throw new Error('The first to ask gets the lease.');
    await admin.send('CONFIG', 'SET', 'maxmemory', '1');

    await cache.invalidateTags(['t']);
    await cache.expireTags(['s']);
    await cache.expireItem('a');
    await cache.removeItem('b');
    expect(await cache.mget(['tagged', 'soft', 'a', 'b'])).toEqual([undefined, undefined, undefined, undefined]);
    await cache.release(lease);
    // They travel together: what can be answered without writing is.
    const [live, entry] = await Promise.all([
      cache.getOrLease('live'),
      settle(cache.getOrLease('fresh start'), SETTLED_LIMIT_MS),
    ]);
    expect(live).toMatchObject({ state: 'fresh', value: 1 });
    expect(entry).toMatchObject({ state: 'rejected', reason: { code: 'ERR_CACHE_UNAVAILABLE' } });
    await cache.clear();
  });

  test('row 28: a server that becomes a replica refuses writes as unavailable, reads on, and is used again when promoted', async () => {
    await using master = await startRedis();
    await using server = await startRedis();
    await using admin = await administer(server);
    await using opened = await open(server.url);
    const { cache } = opened;
    await admin.send('REPLICAOF', '127.0.0.1', `${master.port}`);
    const { ambiguous } = await failureOf(cache.set('a', 1), 'ERR_CACHE_UNAVAILABLE');
    expect(ambiguous).toBe(false);
    await failureOf(cache.increment('n'), 'ERR_CACHE_UNAVAILABLE');
    expect(await cache.get('a')).toBeUndefined();
    await admin.send('REPLICAOF', 'NO', 'ONE');
    await recovery('A set once the server is a master', recoveryLimitMs, () => cache.set('a', 1));
  });

  test('row 28: a replica that has lost its master and serves nothing stale is unavailable', async () => {
    await using server = await startRedis({ args: ['--replica-serve-stale-data', 'no'] });
    await using gone = await startRedis();
    await gone.kill();
    await using admin = await administer(server);
    await using opened = await open(server.url);
    const { cache } = opened;
    await admin.send('REPLICAOF', '127.0.0.1', `${gone.port}`);
    await failureOf(cache.get('a'), 'ERR_CACHE_UNAVAILABLE');
    await admin.send('REPLICAOF', 'NO', 'ONE');
    await recovery('A get once the server is a master', recoveryLimitMs, () => cache.get('a'));
  });

  test('row 28: a server that is loading its data makes each call unavailable, and answers when it has it', async () => {
    await using server = await startRedis({
      args: ['--enable-debug-command', 'yes', '--loading-process-events-interval-bytes', '1024'],
    });
    await using admin = await administer(server);
    await using watcher = await administer(server);
    await using opened = await open(server.url);
    const { cache } = opened;
    await cache.set('kept', 1, null);
    await admin.send('DEBUG', 'POPULATE', '10000', 'filler');
    // Twenty seconds, if nobody ended it.
    await admin.send('CONFIG', 'SET', 'key-load-delay', '2000');
    const reloaded = admin.send('DEBUG', 'RELOAD');
    await waitUntil('The server loading', 30_000, () =>
      watcher.send('GET', 'a').then(
        () => false,
        (error: Error) => error.message.startsWith('LOADING'),
      ),
    );
    await Promise.all(
      EVERY_CALL.map(async ({ operation, run }) => {
        const { ambiguous } = await failureOf(run(cache), 'ERR_CACHE_UNAVAILABLE', 'ERR_CACHE_TIMEOUT');
        if (operation === 'get') expect(ambiguous).toBe(false);
      }),
    );
    await watcher.send('CONFIG', 'SET', 'key-load-delay', '0');
    await reloaded;
    await recovery('A get once the data is there', recoveryLimitMs, () => cache.get('kept'));
    expect(await cache.get('kept')).toBe(1);
  });

  test('row 28: a server busy with somebody’s script makes each call unavailable, and answers when it is done', async () => {
    await using server = await startRedis({ args: ['--busy-reply-threshold', '50'] });
    await using culprit = await administer(server);
    await using admin = await administer(server);
    await using opened = await open(server.url);
    const { cache } = opened;
    await cache.set('a', 1);
    const script = culprit.send('EVAL', 'while true do end', '0').catch(() => {});
    await waitUntil('The server refusing as busy', 30_000, () =>
      admin.send('GET', 'a').then(
        () => false,
        (error: Error) => error.message.startsWith('BUSY'),
      ),
    );
    await Promise.all(EVERY_CALL.map(({ run }) => failureOf(run(cache), 'ERR_CACHE_UNAVAILABLE', 'ERR_CACHE_TIMEOUT')));
    await failureOf(cache.get('a'), 'ERR_CACHE_UNAVAILABLE');
    await admin.send('SCRIPT', 'KILL');
    await script;
    await recovery('A get once the script is dead', recoveryLimitMs, () => cache.get('a'));
    expect(await cache.get('a')).toBe(1);
  });

  test('row 28: a server that has no connection to spare is unavailable, and is used once it has', async () => {
    await using server = await startRedis();
    await using admin = await administer(server);
    await using opened = await open(server.url);
    const { cache } = opened;
    await cache.set('a', 1);
    await admin.send('CONFIG', 'SET', 'maxclients', '1');
    await admin.send('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    await waitUntil(
      'The connection being refused',
      30_000,
      async () =>
        String(await admin.send('INFO', 'stats')).includes('rejected_connections:') &&
        !String(await admin.send('INFO', 'stats')).includes('rejected_connections:0\r'),
    );
    await Promise.all(EVERY_CALL.map(({ run }) => failureOf(run(cache), 'ERR_CACHE_UNAVAILABLE', 'ERR_CACHE_TIMEOUT')));
    await admin.send('CONFIG', 'SET', 'maxclients', '100');
    await recovery('A get once there is room', recoveryLimitMs, () => cache.get('a'));
    expect(await admin.send('GET', `${PREFIX}a`)).toBe('1');
  });
});
