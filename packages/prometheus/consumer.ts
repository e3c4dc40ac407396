import assert from 'node:assert/strict';
import { createHookDispatcher } from '@cache/core';
import { type PrometheusHooks, prometheusHooks } from '@cache/prometheus';
import { Registry } from 'prom-client';

/** What the consumer test runs and compiles against the packed package, outside the workspace. */
export async function consume(): Promise<void> {
  const register = new Registry();
  const hooks: PrometheusHooks = prometheusHooks({ register, keyGroup: (key) => key.split(':', 1)[0] });
  hooks.watch({ cache: 'users', backend: 'test' }, () => ({ itemsCount: 2 }));
  const told = createHookDispatcher(hooks, { cache: 'users', backend: 'test' });
  told?.hit('get', 'user:1', 1);
  told?.operation('get', 'hit', 1);
  const text = await register.metrics();
  assert.match(text, /^cache_reads_total\{cache="users",backend="test",result="hit",group="user"\} 1$/m);
  assert.match(text, /^cache_operation_duration_seconds_count\{.*outcome="hit"\} 1$/m);
  assert.match(text, /^cache_items\{cache="users",backend="test"\} 2$/m);
  assert.throws(() => prometheusHooks({ register, buckets: [1] }), { code: 'ERR_CACHE_OPTION' });
}
