import assert from 'node:assert/strict';
import { createHookDispatcher } from '@cache/core';
import { DurationProducer, type OpenTelemetryHooks, openTelemetryHooks } from '@cache/opentelemetry';
import { createNoopMeter, trace } from '@opentelemetry/api';

/** What the consumer test runs and compiles against the packed package, outside the workspace. */
export async function consume(): Promise<void> {
  const spans: string[] = [];
  const noop = trace.getTracer('test');
  const tracer = {
    startSpan(name: string) {
      spans.push(name);
      return noop.startSpan(name);
    },
    startActiveSpan: noop.startActiveSpan.bind(noop),
  };
  const durations = new DurationProducer();
  const hooks: OpenTelemetryHooks = openTelemetryHooks({ meter: createNoopMeter(), durations, tracer });
  const told = createHookDispatcher(hooks, { cache: 'users', backend: 'redis' });
  told?.hit('get', 'user:1', 1);
  told?.operation('get', 'hit', 1);
  told?.load('user:1', 'done', 1);
  assert.deepEqual(spans, ['get', 'load users']);
  const [collected] = (await durations.collect()).resourceMetrics.scopeMetrics;
  const names = collected?.metrics.map(({ descriptor }) => descriptor.name);
  assert.deepEqual(names, ['db.client.operation.duration', 'cache.load.duration']);
  assert.throws(() => openTelemetryHooks({ meter: createNoopMeter(), maxKeyGroups: 0 }), { code: 'ERR_CACHE_OPTION' });
}
