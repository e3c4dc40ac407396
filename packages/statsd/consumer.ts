import assert from 'node:assert/strict';
import { createHookDispatcher } from '@cache/core';
import { type StatsdHooks, statsdHooks } from '@cache/statsd';
import { StatsD } from 'hot-shots';

/** What the consumer test runs and compiles against the packed package, outside the workspace. */
export async function consume(): Promise<void> {
  const client = new StatsD({ mock: true, prefix: 'shop.' });
  const hooks: StatsdHooks = statsdHooks({ client, flushIntervalMs: 60_000 });
  const told = createHookDispatcher(hooks, { cache: 'users', backend: 'test' });
  told?.hit('get', 'user:1', 1);
  told?.operation('get', 'hit', 1);
  hooks.close();
  assert.deepEqual([...(client.mockBuffer ?? [])].sort(), [
    'shop.cache.operation.duration:1|ms|#cache:users,backend:test,operation:get,outcome:hit',
    'shop.cache.operations:1|c|#cache:users,backend:test,operation:get,outcome:hit',
    'shop.cache.reads:1|c|#cache:users,backend:test,result:hit',
  ]);
  assert.throws(() => statsdHooks({ client, flushIntervalMs: 0 }), { code: 'ERR_CACHE_OPTION' });
  client.close();
}
