import { acquireLock, type CacheLock, withLock } from '@cache/coordination';
import { RedisCache } from '@cache/redis';
import { startProgram, startRedisSentinel, waitUntil } from '@cache/test-servers';
import { describe, expect, test } from '@jest/globals';
import { createSentinel } from 'redis';
import { BACKEND_NAMES, DEADLINES, openCache, startServer } from './backends.ts';

const OWNER = new URL('./programs/owner.ts', import.meta.url);
const LIMIT_MS = 60_000;
const LOST = 'ERR_CACHE_LOCK_LOST';

const aborted = (lock: CacheLock): Promise<unknown> =>
  new Promise((resolve) => lock.signal.addEventListener('abort', () => resolve(lock.signal.reason.code)));

describe.each(BACKEND_NAMES)('a lock over %s', (backend) => {
  test.each(['kill', 'freeze'] as const)(
    'is lost to a server that is struck by %s, and the process lives on',
    async (strike) => {
      await using server = await startServer(backend);
      await using program = startProgram(OWNER, backend, server.url);
      const number = (await program.ask('acquire')) as number;
      await server[strike]();
      expect(await program.ask('wait')).toBe(LOST);
      await (strike === 'kill' ? server.restart() : server.resume());
      let next: number | undefined;
      await waitUntil('The lock again', LIMIT_MS, async () => {
        const cache = await openCache(backend, server.url);
        next = await withLock(cache, 'k', ({ fencingNumber }) => fencingNumber).catch(() => undefined);
        await cache.close();
        return next !== undefined;
      });
      // A Redis that was killed has forgotten the counter with the lock: see the README.
      if (backend === 'postgres' || strike === 'freeze') expect(next).toBeGreaterThan(number);
      expect(await program.ask('look')).toEqual({ aborted: true, code: LOST });
      expect(await program.end()).toEqual({ code: 0, signal: null, stderr: '' });
    },
  );

  test('rejects work that was done without it', async () => {
    await using server = await startServer(backend);
    const cache = await openCache(backend, server.url);
    const work = async ({ signal }: Pick<CacheLock, 'signal'>): Promise<void> => {
      await server.kill();
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
    };
    await expect(withLock(cache, 'k', work, { leaseInSeconds: 2 })).rejects.toMatchObject({ code: LOST });
    const refused = acquireLock(cache, 'k', { waitTimeoutMs: 0 });
    await expect(refused).rejects.toMatchObject({ code: expect.stringMatching(/TIMEOUT|UNAVAILABLE/) });
    await cache.close();
  });
});

test('row 30: a lock that is held while the sentinels fail over is lost, and to be had from the new master', async () => {
  await using servers = await startRedisSentinel();
  const client = createSentinel({
    name: servers.masterName,
    sentinelRootNodes: servers.sentinels.map(({ port }) => ({ host: '127.0.0.1', port })),
  });
  client.on('error', () => {});
  const cache = new RedisCache(client, { prefix: 'app:', hooks: { onError: () => {} }, ...DEADLINES });
  try {
    await client.connect();
    const lock = await acquireLock(cache, 'k', { leaseInSeconds: 1 });
    const loss = aborted(lock);
    await servers.master.kill();
    expect(await loss).toBe(LOST);
    await expect(lock.renew()).rejects.toMatchObject({ code: LOST });
    await waitUntil('The lock again', LIMIT_MS, async () => {
      const next = await acquireLock(cache, 'k', { waitTimeoutMs: 5_000 }).catch(() => undefined);
      await next?.release();
      return next !== undefined;
    });
  } finally {
    await cache.close();
    client.destroy();
  }
});
