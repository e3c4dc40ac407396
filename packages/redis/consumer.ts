import assert from 'node:assert/strict';
import type { AsyncCache } from '@cache/core';
import { RedisCache } from '@cache/redis';
import { createClient } from 'redis';

/** What the consumer test runs and compiles against the packed package, outside the workspace, without a server. */
export async function consume(): Promise<void> {
  const client = createClient({ url: 'redis://127.0.0.1:1' });
  const cache: AsyncCache = new RedisCache(client, { prefix: 'consumer:' });
  await assert.rejects(cache.get(''), { code: 'ERR_CACHE_KEY' });
  await assert.rejects(cache.set('at', new Date()), { code: 'ERR_CACHE_VALUE' });
  await assert.rejects(cache.get('key'), { code: /^ERR_CACHE_/ });
}
