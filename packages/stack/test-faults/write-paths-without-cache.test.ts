import { InMemoryCache } from '@cache/memory';
import { RedisCache } from '@cache/redis';
import { createCache, type StackCache, writeBehind, writeThrough } from '@cache/stack';
import { type Server, settle, startRedis, waitUntil } from '@cache/test-servers';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { RecordingStore } from '../test/recording-store.ts';
import { DEADLINES } from './backends.ts';

let server: Server;

beforeAll(async () => {
  server = await startRedis();
});

afterAll(() => server.close());

interface Process extends AsyncDisposable {
  readonly cache: StackCache;
  readonly redis: RedisCache;
}

async function startProcess(prefix: string): Promise<Process> {
  const quiet = { onError: () => {} };
  const redis = await RedisCache.connect(server.url, { prefix, hooks: quiet, ...DEADLINES });
  const cache = createCache({ l1: new InMemoryCache(), l2: redis, hooks: quiet });
  return {
    cache,
    redis,
    async [Symbol.asyncDispose]() {
      await cache.close();
      await redis.close();
    },
  };
}

describe('While the cache’s Redis is frozen', () => {
  it('a write behind reaches the store, the queue empties, and no old copy is read afterwards, by any process', async () => {
    await using one = await startProcess('behind:');
    await using other = await startProcess('behind:');
    const store = new RecordingStore();
    const users = writeBehind(one.cache, store, { hooks: { onError: () => {} } });
    const elsewhere = writeThrough(other.cache, store);
    store.values.set('user', 'old');
    expect(await users.get('user')).toBe('old');
    expect(await elsewhere.get('user')).toBe('old');
    await server.freeze();
    try {
      await users.set('user', 'new');
      expect(await users.get('user')).toBe('new');
      await users.flush({ withinMs: 120_000 });
      expect(store.values.get('user')).toBe('new');
      expect(users.statistics.depth).toBe(0);
      expect(await users.get('user')).toBe('new');
    } finally {
      await server.resume();
    }
    expect(await users.get('user')).toBe('new');
    await waitUntil('The other process reading it', 30_000, async () => (await elsewhere.get('user')) === 'new');
    expect(await other.redis.get('user')).not.toBe('old');
    await users.close();
  });

  it('a write through is in the store and says that the removal of the copy is queued; this process reads the new value', async () => {
    await using one = await startProcess('through:');
    const store = new RecordingStore();
    const users = writeThrough(one.cache, store);
    store.values.set('user', 'old');
    expect(await users.get('user')).toBe('old');
    await server.freeze();
    try {
      const set = await settle(users.set('user', 'new'), 30_000);
      expect(set).toMatchObject({ state: 'rejected', reason: { code: 'ERR_CACHE_UNAVAILABLE', queued: true } });
      expect(store.values.get('user')).toBe('new');
      expect(await users.get('user')).toBe('new');
    } finally {
      await server.resume();
    }
    expect(await users.get('user')).toBe('new');
    await waitUntil('The old copy gone', 30_000, async () => (await one.redis.get('user')) !== 'old');
  });
});
