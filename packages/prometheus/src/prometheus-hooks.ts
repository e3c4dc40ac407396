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
import { register as globalRegister } from 'prom-client';
import { type MetricRegistry, metricIn } from './cache-metric.ts';
import { ContentsGauge } from './contents-gauge.ts';
import { DurationHistogram, histogramShape } from './duration-histogram.ts';
import { EventCounter } from './event-counter.ts';
import type { LabelNames } from './metric-labels.ts';

/** From a hit in memory to a load that takes long. */
const DEFAULT_BUCKETS = [
  0.000_01, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10,
];

/** What the metrics are called and how they are labelled. */
export interface PrometheusHooksOptions {
  /**
   * The registry that is scraped.
   * @default prom-client's own `register`
   */
  readonly register?: MetricRegistry;
  /**
   * Put before the name of every metric.
   * @default 'cache_'
   */
  readonly prefix?: string;
  /**
   * Names the group of a key, such as what stands before its colon; it becomes the label `group`. Return few different
   * values, and never the key.
   * @default none: there is no such label
   */
  readonly keyGroup?: (key: string) => string | undefined;
  /**
   * How many groups there may be; keys of further ones count as `other`.
   * @default 50
   */
  readonly maxKeyGroups?: number;
  /**
   * The upper bounds of the latency histograms in seconds, ascending.
   * @default 17 buckets from 10 µs to 10 s
   */
  readonly buckets?: readonly number[];
}

/** Hooks that count into a Prometheus registry. */
export interface PrometheusHooks extends CacheHooks {
  /**
   * Shows what a cache holds as gauges; `contents` is asked at each scrape: `hooks.watch(source, () => inMemoryCache)`.
   *
   * @throws CacheOptionError for a source without `cache` and `backend`, and if `contents` is no function
   */
  watch(source: CacheEventSource, contents: () => CacheContents): void;
}

/**
 * Hooks for any number of caches that count into a registry of prom-client. Several may share a registry and a prefix: they
 * count into the same metrics. An event costs a few additions; everything else is done when somebody scrapes.
 *
 * ```ts
 * const metrics = prometheusHooks({ register });
 * const users = new InMemoryCache({ name: 'users', hooks: metrics });
 * metrics.watch({ cache: 'users', backend: 'memory' }, () => users);
 * ```
 *
 * @throws CacheOptionError for an option that is wrong, and for a name that the registry has given to somebody else's metric
 */
export function prometheusHooks(options: PrometheusHooksOptions = {}): PrometheusHooks {
  return new RegistryHooks(options);
}

class RegistryHooks implements PrometheusHooks {
  readonly usesAsyncContext: boolean;
  readonly #groups: KeyGroups;
  readonly #operations: DurationHistogram;
  readonly #loads: DurationHistogram;
  readonly #reads: EventCounter;
  readonly #sets: EventCounter;
  readonly #removals: EventCounter;
  readonly #evictions: EventCounter;
  readonly #expirations: EventCounter;
  readonly #errors: EventCounter;
  readonly #breakerChanges: EventCounter;
  readonly #gauges: readonly ContentsGauge[];

  constructor(options: PrometheusHooksOptions) {
    if (typeof options !== 'object' || options === null)
      throw new CacheOptionError(
        'prometheusHooks takes an object with options, or nothing: prometheusHooks({ register }).',
      );
    const { register = globalRegister, prefix = 'cache_', keyGroup, maxKeyGroups } = options;
    if (typeof register?.getSingleMetric !== 'function')
      throw new CacheOptionError('register is a Registry of prom-client: new Registry(), or its own register.');
    if (typeof prefix !== 'string' || !/^[a-zA-Z_][a-zA-Z0-9_]*$/.test(prefix))
      throw new CacheOptionError(
        'prefix consists of letters, digits and underscores, and does not begin with a digit.',
      );
    const buckets = validateBuckets(options.buckets ?? DEFAULT_BUCKETS);
    // The application's own function may read it.
    this.usesAsyncContext = keyGroup !== undefined;
    this.#groups = new KeyGroups(keyGroup, maxKeyGroups);

    const histogram = (name: string, help: string, ...labels: [string, string, string]): DurationHistogram => {
      const full = prefix + name;
      const create = (): DurationHistogram => new DurationHistogram(full, help, labelNames(labels), buckets, register);
      return metricIn(register, full, histogramShape(buckets), create);
    };
    const counter = (name: string, help: string, ...labels: [string, string, string]): EventCounter => {
      const full = prefix + name;
      return metricIn(register, full, 'counter', () => new EventCounter(full, help, labelNames(labels), register));
    };
    const gauge = (name: string, help: string, field: keyof CacheContents): ContentsGauge => {
      const full = prefix + name;
      return metricIn(register, full, 'gauge', () => new ContentsGauge(full, help, field, register));
    };

    this.#operations = histogram(
      'operation_duration_seconds',
      'How long calls of the cache took.',
      'level',
      'operation',
      'outcome',
    );
    this.#loads = histogram('load_duration_seconds', 'How long loaders took.', 'outcome', '', '');
    this.#reads = counter('reads_total', 'Keys read, by whether they were found.', 'level', 'result', 'group');
    this.#sets = counter('sets_total', 'Keys stored.', 'group', '', '');
    this.#removals = counter('removals_total', 'Live items removed by a call.', 'group', '', '');
    this.#evictions = counter('evictions_total', 'Live items that had to make room.', 'reason', '', '');
    this.#expirations = counter('expirations_total', 'Expired items dropped.', '', '', '');
    this.#errors = counter(
      'errors_total',
      'Calls that failed, and failures in the background.',
      'operation',
      'code',
      '',
    );
    this.#breakerChanges = counter(
      'breaker_changes_total',
      'Changes of a circuit breaker, by what it became.',
      'state',
      '',
      '',
    );
    this.#gauges = [
      gauge('items', 'Items held.', 'itemsCount'),
      gauge('bytes', 'Bytes held, as the cache counts them.', 'bytes'),
    ];
  }

  watch(source: CacheEventSource, contents: () => CacheContents): void {
    validateWatched(source, contents);
    for (const gauge of this.#gauges) gauge.watch(source, contents);
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
    this.#loads.record(event.durationMs, event, event.outcome, '', '');
  }

  onError(event: CacheErrorEvent): void {
    this.#errors.count(event, event.operation, event.error.code);
  }

  onBreaker(event: CacheBreakerEvent): void {
    this.#breakerChanges.count(event, event.state);
  }

  onOperation(event: CacheOperationEvent): void {
    this.#operations.record(event.durationMs, event, event.level ?? '', event.operation, event.outcome);
  }

  /** Without keys, so without their groups: with a `keyGroup` these hooks use the async context, and hear of each read. */
  onReads(event: CacheReadsEvent): void {
    this.#countReads(event, 'hit', event.hits);
    this.#countReads(event, 'miss', event.misses);
  }

  #countReads(event: CacheReadsEvent, outcome: 'hit' | 'miss', times: number): void {
    if (times === 0) return;
    this.#reads.count(event, '', outcome, '', times);
    this.#operations.record(event.durationMs, event, '', event.operation, outcome, times);
  }
}

function labelNames(own: readonly [string, string, string]): LabelNames {
  return ['cache', 'backend', ...own];
}

function validateBuckets(buckets: readonly number[]): readonly number[] {
  const isAscending = (bound: number, index: number): boolean =>
    typeof bound === 'number' && Number.isFinite(bound) && bound > (index === 0 ? 0 : (buckets[index - 1] as number));
  if (Array.isArray(buckets) && buckets.length > 0 && buckets.every(isAscending)) return [...buckets];
  throw new CacheOptionError('buckets are numbers of seconds over 0, ascending.');
}
