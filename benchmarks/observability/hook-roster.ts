import type { CacheHooks } from '@cache/core';

/** One way to watch a cache, and what ends it. */
interface OpenHooks {
  readonly hooks: CacheHooks | undefined;
  close(): Promise<unknown>;
}

/** A contestant: a cache is the same in all of them but for its hooks. Libraries are imported by `open`. */
export interface HookSetup {
  readonly name: string;
  open(): Promise<OpenHooks>;
}

/** How often metrics are fetched or sent: more often than anybody does, so that it counts in a short run. */
const COLLECTION_INTERVAL_MS = 1_000;

const nothing = async (): Promise<void> => {};

const noHooks = async (): Promise<OpenHooks> => ({ hooks: undefined, close: nothing });

async function openTelemetry(setup: 'instruments' | 'producer' | 'producer and spans'): Promise<OpenHooks> {
  const { DurationProducer, openTelemetryHooks } = await import('@cache/opentelemetry');
  const { MeterProvider, PeriodicExportingMetricReader } = await import('@opentelemetry/sdk-metrics');
  const { BasicTracerProvider, TraceIdRatioBasedSampler } = await import('@opentelemetry/sdk-trace-base');
  const exporter = {
    export: (_: unknown, done: (result: { code: 0 }) => void) => done({ code: 0 }),
    forceFlush: nothing,
    shutdown: nothing,
  };
  const durations = setup === 'instruments' ? undefined : new DurationProducer();
  const reader = new PeriodicExportingMetricReader({
    exporter,
    exportIntervalMillis: COLLECTION_INTERVAL_MS,
    exportTimeoutMillis: COLLECTION_INTERVAL_MS,
    metricProducers: durations === undefined ? [] : [durations],
  });
  const meters = new MeterProvider({ readers: [reader] });
  const tracers = new BasicTracerProvider({ sampler: new TraceIdRatioBasedSampler(0.01) });
  const hooks = openTelemetryHooks({
    meter: meters.getMeter('benchmark'),
    ...(durations && { durations }),
    ...(setup === 'producer and spans' && { tracer: tracers.getTracer('benchmark') }),
  });
  return { hooks, close: () => meters.shutdown() };
}

/** Beside a cache without hooks it shows what chance makes of no difference. */
export const NO_HOOKS = 'no hooks';

export const hookSetups: readonly HookSetup[] = [
  { name: NO_HOOKS, open: noHooks },
  { name: 'onOperation that does nothing', open: async () => ({ hooks: { onOperation: () => {} }, close: nothing }) },
  {
    name: 'CacheStatistics',
    async open() {
      const { CacheStatistics } = await import('@cache/core');
      return { hooks: new CacheStatistics(), close: nothing };
    },
  },
  {
    name: '@cache/prometheus',
    async open() {
      const [{ prometheusHooks }, { Registry }] = await Promise.all([
        import('@cache/prometheus'),
        import('prom-client'),
      ]);
      const register = new Registry();
      const scrape = setInterval(() => void register.metrics(), COLLECTION_INTERVAL_MS);
      return { hooks: prometheusHooks({ register }), close: async () => clearInterval(scrape) };
    },
  },
  {
    name: '@cache/statsd',
    async open() {
      const [{ statsdHooks }, { StatsD }] = await Promise.all([import('@cache/statsd'), import('hot-shots')]);
      const client = new StatsD({ host: '127.0.0.1', errorHandler: () => {} });
      const hooks = statsdHooks({ client, flushIntervalMs: COLLECTION_INTERVAL_MS });
      return {
        hooks,
        async close() {
          hooks.close();
          client.close(() => {});
        },
      };
    },
  },
  { name: '@cache/opentelemetry, DurationProducer', open: () => openTelemetry('producer') },
  { name: '@cache/opentelemetry, instruments', open: () => openTelemetry('instruments') },
  {
    name: '@cache/opentelemetry, DurationProducer and spans, 1 % sampled',
    open: () => openTelemetry('producer and spans'),
  },
];
