import type {
  CacheErrorEvent,
  CacheEventSource,
  CacheHooks,
  CacheKeyEvent,
  CacheLevel,
  CacheLoadEvent,
  CacheOperation,
  CacheOperationEvent,
  CacheReadsEvent,
} from './cache-hooks.ts';
import { LatencyHistogram } from './latency-histogram.ts';
import { SeriesTable } from './series-table.ts';
import { formatStatistics } from './statistics-table.ts';
import { validateWatched } from './validate-watched.ts';

/** What one cache has done since its statistics began. */
export interface CacheCounts {
  readonly hits: number;
  readonly misses: number;
  readonly sets: number;
  readonly removals: number;
  readonly evictions: number;
  readonly expirations: number;
  readonly errors: number;
  readonly loads: number;
  readonly failedLoads: number;
  /** The bytes of all payloads read and stored, as far as the events tell: see `CacheKeyEvent.payloadBytes`. */
  readonly payloadBytes: number;
}

/** What one cache holds now, as far as it says so. An `InMemoryCache` is one. */
export interface CacheContents {
  readonly itemsCount?: number | undefined;
  readonly bytes?: number | undefined;
}

/** How long one kind of call took. */
export interface LatencySummary {
  readonly count: number;
  readonly meanMs: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** One cache's part of a snapshot. */
export interface CacheSnapshot extends CacheCounts, CacheEventSource, CacheContents {
  /** Hits of all reads, 0 to 1; `undefined` before the first read. */
  readonly hitRatio: number | undefined;
  /** The hits that each level answered, where the cache has levels; `undefined` before the first. */
  readonly hitsByLevel: Readonly<Record<CacheLevel, number>> | undefined;
  readonly latencies: Readonly<Partial<Record<CacheOperation, LatencySummary>>>;
}

type MutableCounts = { -readonly [Name in keyof CacheCounts]: number };

interface Account {
  readonly source: CacheEventSource;
  readonly counts: MutableCounts;
  readonly latencies: Map<CacheOperation, LatencyHistogram>;
  hitsByLevel: Record<CacheLevel, number> | undefined;
  contents: (() => CacheContents) | undefined;
}

/**
 * Hooks that count: hand one object to any number of caches, and ask it for `snapshot()` or print it.
 *
 * ```ts
 * const statistics = new CacheStatistics();
 * const cache = new InMemoryCache({ hooks: statistics });
 * console.log(String(statistics));
 * ```
 */
export class CacheStatistics implements CacheHooks {
  /** Counting needs no context; a subclass that reads it says `true`. */
  readonly usesAsyncContext: boolean = false;
  readonly #accounts = new SeriesTable<Account>(([cache, backend]) => ({
    source: { cache, backend },
    counts: noCounts(),
    latencies: new Map(),
    hitsByLevel: undefined,
    contents: undefined,
  }));

  #latencies = this.#latencyTable();
  #hasWarned = false;

  onHit(event: CacheKeyEvent): void {
    const account = this.#account(event);
    account.counts.hits += 1;
    account.counts.payloadBytes += event.payloadBytes ?? 0;
    if (event.level === undefined) return;
    account.hitsByLevel ??= { l1: 0, l2: 0 };
    account.hitsByLevel[event.level] += 1;
  }

  onMiss(event: CacheKeyEvent): void {
    this.#account(event).counts.misses += 1;
  }

  onSet(event: CacheKeyEvent): void {
    const { counts } = this.#account(event);
    counts.sets += 1;
    counts.payloadBytes += event.payloadBytes ?? 0;
  }

  onRemove(event: CacheKeyEvent): void {
    this.#account(event).counts.removals += 1;
  }

  onEvict(event: CacheEventSource): void {
    this.#account(event).counts.evictions += 1;
  }

  onExpire(event: CacheEventSource): void {
    this.#account(event).counts.expirations += 1;
  }

  onLoad(event: CacheLoadEvent): void {
    const account = this.#account(event);
    account.counts.loads += 1;
    if (event.outcome === 'error') account.counts.failedLoads += 1;
    this.#latencies.at(event, 'load', '', '').record(event.durationMs);
  }

  onError(event: CacheErrorEvent): void {
    this.#account(event).counts.errors += 1;
  }

  onOperation(event: CacheOperationEvent): void {
    this.#latencies.at(event, event.operation, '', '').record(event.durationMs);
  }

  /** A subclass that needs to hear of each read overrides it and `usesAsyncContext`, or is told of them only here. */
  onReads(event: CacheReadsEvent): void {
    const { hits, misses } = event;
    const { counts } = this.#account(event);
    counts.hits += hits;
    counts.misses += misses;
    counts.payloadBytes += event.payloadBytes();
    this.#latencies.at(event, event.operation, '', '').record(event.durationMs, hits + misses);
  }

  /**
   * Shows what a cache holds beside what it does. `contents` is asked at each snapshot:
   * `statistics.watch({ cache: 'users', backend: 'memory' }, () => users)`. If it throws, the sizes are left out.
   *
   * @throws CacheOptionError for a source without `cache` and `backend`, and if `contents` is no function
   */
  watch(source: CacheEventSource, contents: () => CacheContents): void {
    validateWatched(source, contents);
    this.#account(source).contents = contents;
  }

  /** The histogram of one kind of call, for exporters; `undefined` if there was none. */
  latencies(source: CacheEventSource, operation: CacheOperation): LatencyHistogram | undefined {
    const isSource = (account: Account): boolean =>
      account.source.cache === source.cache && account.source.backend === source.backend;
    return this.#accounts.values().find(isSource)?.latencies.get(operation);
  }

  /** Everything counted so far, one entry a cache, in the order in which they were first heard of. */
  snapshot(): CacheSnapshot[] {
    return this.#accounts.values().map(({ source, counts, hitsByLevel, latencies, contents }) => {
      const reads = counts.hits + counts.misses;
      return {
        ...source,
        ...counts,
        ...this.#sizes(source, contents),
        hitRatio: reads === 0 ? undefined : counts.hits / reads,
        hitsByLevel: hitsByLevel && { ...hitsByLevel },
        latencies: Object.fromEntries([...latencies].map(([name, latency]) => [name, summary(latency)])),
      };
    });
  }

  /** Begins anew. Caches that are watched stay so. */
  reset(): void {
    for (const account of this.#accounts.values()) {
      Object.assign(account.counts, noCounts());
      account.latencies.clear();
      account.hitsByLevel = undefined;
    }
    this.#latencies = this.#latencyTable();
  }

  /** A table that a person can read. */
  toString(): string {
    return formatStatistics(this.snapshot());
  }

  /** A cache that cannot be asked must not take the counts of all others with it. */
  #sizes({ cache }: CacheEventSource, contents: Account['contents']): CacheContents {
    try {
      // Picked one by one: of a cache, whose sizes are getters, a spread would copy nothing.
      const { itemsCount, bytes } = contents?.() ?? {};
      return { itemsCount, bytes };
    } catch (error) {
      this.#warn(cache, error);
      return { itemsCount: undefined, bytes: undefined };
    }
  }

  #warn(cache: string, error: unknown): void {
    if (this.#hasWarned) return;
    this.#hasWarned = true;
    const name = error instanceof Error ? error.name : typeof error;
    process.emitWarning(`The contents of cache "${cache}" could not be read (${name}); its sizes are left out.`, {
      code: 'CACHE_CONTENTS_FAILED',
    });
  }

  #account(event: CacheEventSource): Account {
    return this.#accounts.at(event, '', '', '');
  }

  /** The way to the histograms of all accounts at one look. */
  #latencyTable(): SeriesTable<LatencyHistogram> {
    return new SeriesTable(([cache, backend, operation]) => {
      const latency = new LatencyHistogram();
      this.#account({ cache, backend }).latencies.set(operation as CacheOperation, latency);
      return latency;
    });
  }
}

function noCounts(): MutableCounts {
  return {
    hits: 0,
    misses: 0,
    sets: 0,
    removals: 0,
    evictions: 0,
    expirations: 0,
    errors: 0,
    loads: 0,
    failedLoads: 0,
    payloadBytes: 0,
  };
}

function summary(latency: LatencyHistogram): LatencySummary {
  const { count, meanMs, maxMs } = latency;
  return { count, meanMs, p50Ms: latency.quantileMs(0.5), p99Ms: latency.quantileMs(0.99), maxMs };
}
