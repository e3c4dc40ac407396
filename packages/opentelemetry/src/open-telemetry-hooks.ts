import {
  type CacheBreakerEvent,
  type CacheContents,
  type CacheErrorEvent,
  type CacheEventSource,
  type CacheEvictEvent,
  type CacheHooks,
  type CacheKeyEvent,
  type CacheLoadEvent,
  type CacheOperationEvent,
  CacheOptionError,
  type CacheReadsEvent,
  KeyGroups,
  validateWatched,
} from '@cache/core';
import type { Meter, Tracer } from '@opentelemetry/api';
import { errorTypeOf, OTHER_ERROR } from './attributes.ts';
import { CallDurations } from './call-durations.ts';
import { CallSpans } from './call-spans.ts';
import { ContentsGauges } from './contents-gauges.ts';
import type { DurationProducer } from './duration-producer.ts';
import { EventCounter } from './event-counter.ts';
import { LoadDurations } from './load-durations.ts';
import { MeterDurations } from './meter-durations.ts';

/** Where metrics and spans go, and of what. */
export interface OpenTelemetryHooksOptions {
  /** Makes the instruments: `metrics.getMeter('shop')`. Make hooks once for each meter. */
  readonly meter: Meter;
  /**
   * Takes the durations instead of the meter, at less than a tenth of the cost; hand it to your reader as one of its
   * `metricProducers`.
   * @default none: durations go to histograms of the meter, which take a microsecond and more for each
   */
  readonly durations?: DurationProducer;
  /**
   * Makes a span of each call that `shouldTrace` lets through, and of each load: `trace.getTracer('shop')`.
   * @default none: no spans
   */
  readonly tracer?: Tracer;
  /**
   * Says which calls become spans, from what is known when they have ended: `({ durationMs }) => durationMs > 5`.
   * @default all but those of memory, which take less time than a span
   */
  readonly shouldTrace?: (event: CacheOperationEvent) => boolean;
  /**
   * Names the group of a key, such as what stands before its colon; it becomes the attribute `cache.key.group`. Return few
   * different values, and never the key.
   * @default none: there is no such attribute
   */
  readonly keyGroup?: (key: string) => string | undefined;
  /**
   * How many groups there may be; keys of further ones count as `other`.
   * @default 50
   */
  readonly maxKeyGroups?: number;
}

/** Hooks that record metrics and spans. */
export interface OpenTelemetryHooks extends CacheHooks {
  /**
   * Shows what a cache holds; `contents` is asked at each collection: `hooks.watch(source, () => inMemoryCache)`.
   *
   * @throws CacheOptionError for a source without `cache` and `backend`, and if `contents` is no function
   */
  watch(source: CacheEventSource, contents: () => CacheContents): void;
}

/**
 * Hooks for any number of caches that record with OpenTelemetry: `db.client.operation.duration` and client spans for Redis
 * and PostgreSQL, as the semantic conventions for databases have it, and `cache.*` for what they have no name for.
 *
 * ```ts
 * const durations = new DurationProducer(); // one of the metricProducers of your reader
 * const hooks = openTelemetryHooks({ meter: metrics.getMeter('shop'), durations, tracer: trace.getTracer('shop') });
 * const cache = createCache({ name: 'users', l1: new InMemoryCache({ name: 'users', hooks }), hooks });
 * ```
 *
 * @throws CacheOptionError for an option that is wrong
 */
export function openTelemetryHooks(options: OpenTelemetryHooksOptions): OpenTelemetryHooks {
  return new TelemetryHooks(options);
}

const isNotInMemory = ({ backend }: CacheOperationEvent): boolean => backend !== 'memory';

class TelemetryHooks implements OpenTelemetryHooks {
  readonly usesAsyncContext: boolean;
  readonly #groups: KeyGroups;
  readonly #calls: CallDurations;
  readonly #loads: LoadDurations;
  readonly #spans: CallSpans | undefined;
  readonly #shouldTrace: (event: CacheOperationEvent) => boolean;
  readonly #contents: ContentsGauges;
  readonly #reads: EventCounter;
  readonly #sets: EventCounter;
  readonly #removals: EventCounter;
  readonly #evictions: EventCounter;
  readonly #expirations: EventCounter;
  readonly #errors: EventCounter;
  readonly #breakerChanges: EventCounter;
  #lastError: CacheErrorEvent | undefined;

  constructor(options: OpenTelemetryHooksOptions) {
    if (typeof options !== 'object' || options === null)
      throw new CacheOptionError(
        'openTelemetryHooks takes options with a meter: openTelemetryHooks({ meter: metrics.getMeter(name) }).',
      );
    const { meter, durations, tracer, shouldTrace = isNotInMemory, keyGroup, maxKeyGroups } = options;
    if (typeof meter?.createHistogram !== 'function')
      throw new CacheOptionError('meter is a Meter of @opentelemetry/api, such as metrics.getMeter(name) gives.');
    if (tracer !== undefined && typeof tracer?.startSpan !== 'function')
      throw new CacheOptionError('tracer is a Tracer of @opentelemetry/api, such as trace.getTracer(name) gives.');
    if (durations !== undefined && typeof durations?.histogram !== 'function')
      throw new CacheOptionError('durations is a DurationProducer of this package.');
    if (typeof shouldTrace !== 'function') throw new CacheOptionError('shouldTrace is a function.');
    // A span's parent is in it, and the application's own function may read it.
    this.usesAsyncContext = tracer !== undefined || keyGroup !== undefined;
    this.#groups = new KeyGroups(keyGroup, maxKeyGroups);
    this.#shouldTrace = shouldTrace;
    this.#spans = tracer && new CallSpans(tracer);
    const instruments = new MeterDurations(meter);
    this.#calls = new CallDurations(durations ?? instruments);
    this.#loads = new LoadDurations(durations ?? instruments);
    this.#contents = new ContentsGauges(meter, () => instruments.flush());
    const counter = (
      name: string,
      unit: string,
      description: string,
      ...attributes: readonly [string, string, string]
    ): EventCounter => new EventCounter(meter, { name, unit, description, attributes });
    const group = 'cache.key.group';
    this.#reads = counter(
      'cache.reads',
      '{key}',
      'Keys read, by whether they were found.',
      'cache.level',
      'cache.result',
      group,
    );
    this.#sets = counter('cache.sets', '{key}', 'Keys stored.', group, '', '');
    this.#removals = counter('cache.removals', '{item}', 'Live items removed by a call.', group, '', '');
    this.#evictions = counter(
      'cache.evictions',
      '{item}',
      'Live items that had to make room.',
      'cache.eviction.reason',
      '',
      '',
    );
    this.#expirations = counter('cache.expirations', '{item}', 'Expired items dropped.', '', '', '');
    this.#errors = counter(
      'cache.errors',
      '{error}',
      'Calls that failed, and failures in the background.',
      'cache.operation',
      'error.type',
      '',
    );
    this.#breakerChanges = counter(
      'cache.breaker.changes',
      '{change}',
      'Changes of a circuit breaker, by what it became.',
      'cache.breaker.state',
      '',
      '',
    );
  }

  watch(source: CacheEventSource, contents: () => CacheContents): void {
    validateWatched(source, contents);
    this.#contents.watch(source, contents);
  }

  onHit(event: CacheKeyEvent): void {
    this.#reads.count(event, event.level ?? '', 'hit', this.#groups.of(event.key));
  }

  onMiss(event: CacheKeyEvent): void {
    this.#reads.count(event, '', 'miss', this.#groups.of(event.key));
  }

  onSet(event: CacheKeyEvent): void {
    this.#sets.count(event, this.#groups.of(event.key));
  }

  onRemove(event: CacheKeyEvent): void {
    this.#removals.count(event, this.#groups.of(event.key));
  }

  onEvict(event: CacheEvictEvent): void {
    this.#evictions.count(event, event.reason);
  }

  onExpire(event: CacheEventSource): void {
    this.#expirations.count(event);
  }

  onLoad(event: CacheLoadEvent): void {
    const series = this.#loads.ended(event, event.outcome);
    series.record(event.durationMs / 1000, 1);
    this.#spans?.load(event, series.attributes);
  }

  onError(event: CacheErrorEvent): void {
    this.#lastError = event;
    this.#errors.count(event, event.operation, errorTypeOf(event));
  }

  onBreaker(event: CacheBreakerEvent): void {
    this.#breakerChanges.count(event, event.state);
  }

  onOperation(event: CacheOperationEvent): void {
    const { level = '', operation, outcome, durationMs } = event;
    const series =
      outcome === 'error'
        ? this.#calls.failed(event, operation, this.#errorTypeOf(event))
        : this.#calls.succeeded(event, level, operation, outcome);
    series.record(durationMs / 1000, 1);
    if (this.#spans !== undefined && this.#shouldTrace(event)) this.#spans.call(event, series.attributes);
  }

  /** Without keys, so without their groups: with a `keyGroup` or spans these hooks use the async context, and hear of each read. */
  onReads(event: CacheReadsEvent): void {
    this.#countReads(event, 'hit', event.hits);
    this.#countReads(event, 'miss', event.misses);
  }

  #countReads(event: CacheReadsEvent, outcome: 'hit' | 'miss', times: number): void {
    if (times === 0) return;
    this.#reads.count(event, '', outcome, '', times);
    this.#calls.succeeded(event, '', event.operation, outcome).record(event.durationMs / 1000, times);
  }

  /** A cache tells `onError` of a failure right before it tells `onOperation` of the call. */
  #errorTypeOf({ cache, backend, operation, durationMs }: CacheOperationEvent): string {
    const error = this.#lastError;
    this.#lastError = undefined;
    const isOfCall =
      error?.cache === cache &&
      error.backend === backend &&
      error.operation === operation &&
      error.durationMs === durationMs;
    return isOfCall ? errorTypeOf(error) : OTHER_ERROR;
  }
}
