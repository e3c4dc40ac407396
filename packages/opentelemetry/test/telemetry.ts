import { type Context, context, ROOT_CONTEXT, type Span, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import {
  AggregationTemporality,
  type DataPoint,
  type Histogram,
  InMemoryMetricExporter,
  MeterProvider,
  type MetricData,
  type MetricProducer,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';

const NEVER_MS = 2 ** 31 - 1;

/** An SDK that keeps in memory what it would export. */
export class Telemetry implements AsyncDisposable {
  readonly #metricExporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  readonly #spanExporter = new InMemorySpanExporter();
  readonly #meters: MeterProvider;
  readonly #tracers: BasicTracerProvider;

  constructor(metricProducers: MetricProducer[] = []) {
    const reader = new PeriodicExportingMetricReader({
      exporter: this.#metricExporter,
      exportIntervalMillis: NEVER_MS,
      exportTimeoutMillis: 30_000,
      metricProducers,
    });
    this.#meters = new MeterProvider({ readers: [reader] });
    this.#tracers = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(this.#spanExporter)] });
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  }

  get meter() {
    return this.#meters.getMeter('test');
  }

  get tracer() {
    return this.#tracers.getTracer('test');
  }

  get spans(): ReadableSpan[] {
    return this.#spanExporter.getFinishedSpans();
  }

  /** Collects and exports; the metrics by name. */
  async metrics(): Promise<ReadonlyMap<string, MetricData>> {
    this.#metricExporter.reset();
    await this.#meters.forceFlush();
    const scopes = this.#metricExporter.getMetrics().flatMap(({ scopeMetrics }) => scopeMetrics);
    return new Map(scopes.flatMap(({ metrics }) => metrics).map((metric) => [metric.descriptor.name, metric]));
  }

  /** The points of one metric whose attributes are those given and maybe more. */
  async points(name: string, attributes: object = {}): Promise<DataPoint<number | Histogram>[]> {
    const points = ((await this.metrics()).get(name)?.dataPoints ?? []) as DataPoint<number | Histogram>[];
    const wanted = Object.entries(attributes);
    return points.filter((point) => wanted.every(([key, value]) => point.attributes[key] === value));
  }

  /** The sum of those points: of counts, or of how many values a histogram has. */
  async total(name: string, attributes: object = {}): Promise<number> {
    const points = await this.points(name, attributes);
    return points.reduce((sum, { value }) => sum + (typeof value === 'number' ? value : value.count), 0);
  }

  /** Runs something below a span that is active meanwhile. */
  async below<T>(name: string, run: () => Promise<T>): Promise<Span> {
    const span = this.tracer.startSpan(name, {}, ROOT_CONTEXT);
    const active: Context = trace.setSpan(ROOT_CONTEXT, span);
    await context.with(active, run);
    span.end();
    return span;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    context.disable();
    await this.#meters.shutdown();
    await this.#tracers.shutdown();
  }
}
