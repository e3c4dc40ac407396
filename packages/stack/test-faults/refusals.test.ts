import { RedisCache } from '@cache/redis';
import { createCache } from '@cache/stack';
import { settle, startRedis, waitUntil } from '@cache/test-servers';
import { expect, test } from '@jest/globals';
import { createClient } from 'redis';
import { DEADLINES } from './backends.ts';

const SETTLED_LIMIT_MS = 5_000;
const RECOVERY_LIMIT_MS = 30_000;
const QUIET = { hooks: { onError: () => {} } };
const LEVEL = { ...QUIET, ...DEADLINES };

async function codeOf(call: Promise<unknown>): Promise<unknown> {
  const outcome = await settle(call, SETTLED_LIMIT_MS);
  return outcome.state === 'fulfilled' ? 'done' : (outcome.reason as { code: string }).code;
}

test('row 27: a Redis that is full: loads answer, a set that fails leaves nothing behind, what is there is read', async () => {
  await using server = await startRedis({ args: ['--maxmemory-policy', 'noeviction'] });
  const admin = await createClient({ url: server.url }).connect();
  const l2 = await RedisCache.connect<string>(server.url, { prefix: 'app:', ...LEVEL });
  try {
    await using cache = createCache<string>({ l2, ...QUIET });
    await cache.set('a', 'old');
    await cache.set('b', 'kept');
    await admin.configSet('maxmemory', '1');
    expect(await codeOf(cache.set('a', 'new'))).toBe('ERR_CACHE_UNAVAILABLE');
    expect(await l2.get('a')).toBe(undefined);
    expect(await cache.getOrSet('c', () => 'loaded')).toBe('loaded');
    expect(await cache.get('b')).toBe('kept');
    expect(await cache.removeItem('b')).toBe(true);
    expect(cache.breaker).toMatchObject({ state: 'closed', queuedInvalidations: 0 });
    await admin.configSet('maxmemory', '0');
    await waitUntil('A set with memory to spare', RECOVERY_LIMIT_MS, async () => {
      await cache.set('a', 'new');
      return (await l2.get('a')) === 'new';
    });
  } finally {
    await l2.close();
    admin.destroy();
  }
});

test('row 28: a Redis that became a replica: loads answer, a removal waits, and is carried out after the promotion', async () => {
  await using master = await startRedis();
  await using server = await startRedis();
  const admin = await createClient({ url: server.url }).connect();
  const l2 = await RedisCache.connect<string>(server.url, { prefix: 'app:', ...LEVEL });
  try {
    await using cache = createCache<string>({ l2, ...QUIET });
    await cache.set('a', 'old');
    await admin.sendCommand(['CONFIG', 'SET', 'replica-serve-stale-data', 'yes']);
    await admin.sendCommand(['REPLICAOF', '127.0.0.1', `${master.port}`]);
    const removal = await settle(cache.removeItem('a'), SETTLED_LIMIT_MS);
    expect(removal).toMatchObject({ state: 'rejected', reason: { code: 'ERR_CACHE_UNAVAILABLE', queued: true } });
    expect(await cache.getOrSet('a', () => 'loaded')).toBe('loaded');
    expect(cache.breaker).toMatchObject({ queuedInvalidations: 1 });
    await admin.sendCommand(['REPLICAOF', 'NO', 'ONE']);
    await waitUntil('The breaker closing', RECOVERY_LIMIT_MS, () => cache.breaker?.state === 'closed');
    expect(cache.breaker).toMatchObject({ queuedInvalidations: 0 });
    expect(await l2.get('a')).toBe(undefined);
  } finally {
    await l2.close();
    admin.destroy();
  }
});
