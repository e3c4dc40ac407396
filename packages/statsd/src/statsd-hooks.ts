/// <reference lib="esnext.disposable" preserve="true" />
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
import { Counters } from './counters.ts';
import { Gauges } from './gauges.ts';
import type { LabelNames, Tagging } from './metric-address.ts';
import type { StatsdClient } from './statsd-client.ts';
import { Timings } from './timings.ts';

const DEFAULT_FLUSH_INTERVAL_MS = 1_000;
const DEFAULT_MAX_TIMINGS_PER_FLUSH = 100;

/** What is sent, how often and under which names. */
export interface StatsdHooksOptions {
  /** A client of hot-shots. It stays the application's own: it is neither configured nor closed. */
  readonly client: StatsdClient;
  /**
   * Put before the name of every metric, after the client's own prefix.
   * @default 'cache.'
   */
  readonly prefix?: string;
  /**
   * `'dogstatsd'` sends tags; `'name'` puts their values into the metric's name, for servers that know no tags.
   * @default 'dogstatsd'
   */
  readonly tagging?: Tagging;
  /**
   * How often counts and durations are sent, in milliseconds.
   * @default 1000
   */
  readonly flushIntervalMs?: number;
  /**
   * How many durations of each kind of call are sent at most in one interval; of more, a uniform sample. Counts are always
   * exact.
   * @default 100
   */
  readonly maxTimingsPerFlush?: number;
  /**
   * Names the group of a key, such as what stands before its colon; it becomes the tag `group`. Return few different values,
   * and never the key.
   * @default none: there is no such tag
   */
  readonly keyGroup?: (key: string) => string | undefined;
  /**
   * How many groups there may be; keys of further ones count as `other`.
   * @default 50
   */
  readonly maxKeyGroups?: number;
  /**
   * Uniform in [0, 1), for tests.
   * @default Math.random
   */
  readonly random?: () => number;
}

/** Hooks that count in this process and send what they counted in intervals. */
export interface StatsdHooks extends CacheHooks, Disposable {
  /**
   * Shows what a cache holds as gauges; `contents` is asked at each flush: `hooks.watch(source, () => inMemoryCache)`.
   *
   * @throws CacheOptionError for a source without `cache` and `backend`, and if `contents` is no function
   */
  watch(source: CacheEventSource, contents: () => CacheContents): void;
  /** Sends what was counted since the last time, now. Never throws: counts that the client refuses are kept for the next time. */
  flush(): void;
  /** Flushes, and sends nothing more. */
  close(): void;
}

/**
 * Hooks for any number of caches that send to StatsD or DogStatsD through a client of hot-shots.
 *
 * ```ts
 * using metrics = statsdHooks({ client: new StatsD({ host: 'localhost', prefix: 'shop.' }) });
 * const users = new InMemoryCache({ name: 'users', hooks: metrics });
 * ```
 *
 * @throws CacheOptionError for an option that is wrong
 */
export function statsdHooks(options: StatsdHooksOptions): StatsdHooks {
  return new ClientHooks(options);
}

class ClientHooks implements StatsdHooks {
  readonly usesAsyncContext: boolean;
  readonly #client: StatsdClient;
  readonly #groups: KeyGroups;
  readonly #operations: Timings;
  readonly #reads: Counters;
  readonly #sets: Counters;
  readonly #removals: Counters;
  readonly #evictions: Counters;
  readonly #expirations: Counters;
  readonly #errors: Counters;
  readonly #breakerChanges: Counters;
  readonly #loads: Timings;
  readonly #gauges: Gauges;
  readonly #timer: NodeJS.Timeout;
  #hasWarned = false;

  constructor(options: StatsdHooksOptions) {
    if (typeof options !== 'object' || options === null)
      throw new CacheOptionError('statsdHooks takes options with a client of hot-shots: statsdHooks({ client }).');
    const { client, prefix = 'cache.', tagging = 'dogstatsd', keyGroup, maxKeyGroups, random = Math.random } = options;
    const { flushIntervalMs = DEFAULT_FLUSH_INTERVAL_MS, maxTimingsPerFlush = DEFAULT_MAX_TIMINGS_PER_FLUSH } = options;
    for (const method of ['increment', 'timing', 'gauge'] as const) {
      if (typeof client?.[method] !== 'function')
        throw new CacheOptionError(`client is a client of hot-shots; it has no ${method}().`);
    }
    if (typeof prefix !== 'string' || !/^[A-Za-z0-9_.-]*$/.test(prefix))
      throw new CacheOptionError('prefix consists of letters, digits, dots, underscores and hyphens.');
    if (tagging !== 'dogstatsd' && tagging !== 'name') throw new CacheOptionError("tagging is 'dogstatsd' or 'name'.");
    if (!(typeof flushIntervalMs === 'number' && flushIntervalMs > 0 && flushIntervalMs < 2 ** 31))
      throw new CacheOptionError('flushIntervalMs is a number of milliseconds over 0 and below 2^31.');
    if (!Number.isSafeInteger(maxTimingsPerFlush) || maxTimingsPerFlush < 1)
      throw new CacheOptionError('maxTimingsPerFlush is a whole number over 0.');
    if (typeof random !== 'function')
      throw new CacheOptionError('random is a function that gives numbers from 0 to 1, such as Math.random.');
    this.#client = client;
    // The application's own function may read it.
    this.usesAsyncContext = keyGroup !== undefined;
    this.#groups = new KeyGroups(keyGroup, maxKeyGroups);
    const counters = (name: string, ...labels: LabelNames): Counters => new Counters(prefix + name, labels, tagging);
    const timings = (countName: string, durationName: string, ...labels: LabelNames): Timings =>
      new Timings({
        countName: prefix + countName,
        durationName: prefix + durationName,
        labels,
        tagging,
        maxPerFlush: maxTimingsPerFlush,
        random,
      });
    this.#operations = timings('operations', 'operation.duration', 'level', 'operation', 'outcome');
    this.#loads = timings('loads', 'load.duration', 'outcome', '', '');
    this.#reads = counters('reads', 'level', 'result', 'group');
    this.#sets = counters('sets', 'group', '', '');
    this.#removals = counters('removals', 'group', '', '');
    this.#evictions = counters('evictions', 'reason', '', '');
    this.#expirations = counters('expirations', '', '', '');
    this.#errors = counters('errors', 'operation', 'code', '');
    this.#breakerChanges = counters('breaker.changes', 'state', '', '');
    this.#gauges = new Gauges(prefix, tagging);
    this.#timer = setInterval(() => this.flush(), flushIntervalMs).unref();
  }

  watch(source: CacheEventSource, contents: () => CacheContents): void {
    validateWatched(source, contents);
    this.#gauges.watch(source, contents);
  }

  flush(): void {
    const client = this.#client;
    for (const timings of [this.#operations, this.#loads]) this.#try(() => timings.flushCounts(client));
    const counters = [
      this.#reads,
      this.#sets,
      this.#removals,
      this.#evictions,
      this.#expirations,
      this.#errors,
      this.#breakerChanges,
    ];
    for (const counter of counters) this.#try(() => counter.flush(client));
    for (const timings of [this.#operations, this.#loads]) this.#try(() => timings.flushDurations(client));
    this.#try(() => this.#gauges.flush(client));
  }

  close(): void {
    clearInterval(this.#timer);
    this.flush();
  }

  [Symbol.dispose](): void {
    this.close();
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
    this.#loads.add(event.durationMs, event, event.outcome);
  }

  onError(event: CacheErrorEvent): void {
    this.#errors.count(event, event.operation, event.error.code);
  }

  onBreaker(event: CacheBreakerEvent): void {
    this.#breakerChanges.count(event, event.state);
  }

  onOperation(event: CacheOperationEvent): void {
    this.#operations.add(event.durationMs, event, event.level ?? '', event.operation, event.outcome);
  }

  /** Without keys, so without their groups: with a `keyGroup` these hooks use the async context, and hear of each read. */
  onReads(event: CacheReadsEvent): void {
    this.#countReads(event, 'hit', event.hits);
    this.#countReads(event, 'miss', event.misses);
  }

  #countReads(event: CacheReadsEvent, outcome: 'hit' | 'miss', times: number): void {
    if (times === 0) return;
    this.#reads.count(event, '', outcome, '', times);
    this.#operations.add(event.durationMs, event, '', event.operation, outcome, times);
  }

  /** What one metric fails with must not keep the others from being sent. */
  #try(send: () => void): void {
    try {
      send();
    } catch (error) {
      this.#warn(error);
    }
  }

  #warn(error: unknown): void {
    if (this.#hasWarned) return;
    this.#hasWarned = true;
    const name = error instanceof Error ? error.name : typeof error;
    process.emitWarning(`Metrics of caches could not be sent to StatsD (${name}); the caches are unaffected.`, {
      code: 'CACHE_STATSD_FAILED',
    });
  }
}
