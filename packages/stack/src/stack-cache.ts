/// <reference lib="esnext.disposable" preserve="true" />
import {
  type AsyncCache,
  type CacheOperation,
  CacheOptionError,
  type ClosableCache,
  type Expiration,
  type Interruptible,
  type SetOptions,
  validateKeyList,
  validateValue,
} from '@cache/core';
import type { ManyLoader } from './batch-load.ts';
import { answerReport, done, type Found, foundReport, removedReport, storedReport } from './call-report.ts';
import type { CloseOptions } from './end-stack.ts';
import { type GetOrSetOptions, getOrSetOptionsOf, type Loader, type LoadOptions } from './get-or-set-options.ts';
import type { CacheBreaker } from './guarded-level.ts';
import type { AnswerSource, LoadAnswer } from './load-path.ts';
import { type ManyValues, manyValues } from './many-values.ts';
import { Namespace, type NamespaceOptions } from './namespace.ts';
import { NOT_ASKED, type NotAsked, notAsked } from './not-asked.ts';
import { SharedCalls } from './shared-calls.ts';
import { StackContext } from './stack-context.ts';
import type { StackHealth } from './stack-health.ts';
import type { StackOptions } from './stack-options.ts';
import type { StackStatistics } from './stack-statistics.ts';
import { validateSignal } from './validate-signal.ts';

/** A value with where it came from. */
export interface SourcedValue<V> {
  readonly value: V;
  readonly source: AnswerSource;
  /** Seconds since it was stored, where the level that answered knows. */
  readonly ageInSeconds: number | undefined;
}

/** How long to wait for the second level. */
export interface ReadyOptions {
  /**
   * In milliseconds.
   * @default 5,000
   */
  readonly timeoutMs?: number;
}

/** How a function's results are cached. */
export interface MemoizeOptions<Args extends readonly unknown[]> extends LoadOptions {
  /** Makes the key of a call; two calls of one key share their result. */
  readonly key: (...args: Args) => string;
}

/**
 * Read-through over one or two levels. Everything the levels can do, it can; what changes something is carried out in the
 * shared level first and then forgotten everywhere. A read that the shared level fails to answer is a miss, reported to
 * `onError`; a write that it fails to carry out rejects.
 */
export class StackCache<V = unknown> extends SharedCalls<V> implements AsyncCache<V>, ClosableCache {
  readonly #context: StackContext<V>;

  /** @throws CacheOptionError if the options do not fit together */
  constructor(options: StackOptions<V>) {
    const context = new StackContext(options);
    super(context);
    this.#context = context;
  }

  /** What has happened since the cache was made; counted always, at the cost of an addition. */
  get statistics(): StackStatistics {
    return this.#context.statistics();
  }

  // No async function: a hit would pay for one more object than its promise.
  get<T extends V = V>(key: string): Promise<T | undefined> {
    const near = this.#context.nearAtOnce('get', key);
    const isNear = near !== undefined && near !== NOT_ASKED;
    return (isNear ? Promise.resolve(near) : this.#get(key, notAsked(near))) as Promise<T | undefined>;
  }

  async mget(keys: readonly string[]): Promise<(V | undefined)[]> {
    let asked: readonly string[] = [];
    const mget = (): Promise<Found<V>[]> => {
      validateKeyList(keys, { operation: 'mget', backend: 'stack' });
      asked = [...keys];
      return Promise.all(asked.map((key) => this.#read('mget', key, NOT_ASKED)));
    };
    const found = await this.#context.call('mget', mget, (answers, hooks, durationMs) => {
      for (const [index, answer] of answers.entries())
        foundReport('mget', asked[index] as string)(answer, hooks, durationMs);
      return 'done';
    });
    return found.map(({ value }) => value);
  }

  exists(key: string): Promise<boolean> {
    const context = this.#context;
    const exists = async (): Promise<boolean> => {
      const stored = context.key('exists', key);
      if (context.local.read(stored) !== undefined) return true;
      if (context.local.isWhole) return false;
      return context.tolerate('exists', () => context.store.cache.exists(stored), false);
    };
    return context.call('exists', exists, (found) => (found ? 'hit' : 'miss'));
  }

  set(key: string, value: NonNullable<V>, options?: Expiration | SetOptions): Promise<void> {
    const context = this.#context;
    const set = async (): Promise<void> => {
      const stored = context.key('set', key);
      validateValue(value, { operation: 'set', backend: 'stack', key });
      const resolved = context.setOptions('set', options);
      await context.writes.set(stored, () => context.store.cache.set(stored, value, resolved), {
        value,
        isAsStored: false,
        remainingInSeconds: resolved.expirationInSeconds,
        tags: resolved.tags ?? [],
        sentAtMs: context.timers.now(),
      });
    };
    return context.call('set', set, storedReport('set', key));
  }

  removeItem(key: string): Promise<boolean> {
    const context = this.#context;
    const remove = async (): Promise<boolean> => {
      const stored = context.key('removeItem', key);
      return context.invalidate({ keys: [stored] }, () => context.store.cache.removeItem(stored), false);
    };
    return context.call('removeItem', remove, removedReport('removeItem', key));
  }

  clear(options?: Interruptible): Promise<void> {
    const context = this.#context;
    const clear = (): Promise<void> => {
      validateSignal(options?.signal, 'clear');
      return context.invalidate({ all: true }, () => context.store.cache.clear(options), undefined);
    };
    return context.call('clear', clear, done);
  }

  /**
   * The value, loaded and stored if there is none: by one caller in this process, and by one process where the shared
   * level has leases. `undefined` if the loader finds nothing.
   *
   * @param options a lifetime in seconds, `null` for never, or {@link GetOrSetOptions}
   * @throws whatever the loader throws, unchanged, in every caller that waited for it; CacheTimeoutError when it takes
   * longer than `loadTimeoutMs`
   */
  getOrSet<T extends V = V>(
    key: string,
    loader: Loader<T>,
    options?: Expiration | GetOrSetOptions,
  ): Promise<T | undefined> {
    const near = options === undefined || !needsMore(options) ? this.#context.nearAtOnce('getOrSet', key) : NOT_ASKED;
    if (near !== undefined && near !== NOT_ASKED) return Promise.resolve(near as unknown as T);
    return this.#getOrSet(key, loader, options, notAsked(near)).then(bareValue);
  }

  /** As `getOrSet`, with where the value came from and how old it is. */
  async getOrSetEntry<T extends V = V>(
    key: string,
    loader: Loader<T>,
    options?: Expiration | GetOrSetOptions,
  ): Promise<SourcedValue<T> | undefined> {
    return valueOrError(await this.#getOrSet(key, loader, options, NOT_ASKED));
  }

  /**
   * Many keys: one read of the shared level, and one call of the loader for all that this process is to load. Callers of
   * `getOrSet` for the same keys share the loads. One key's failure is no other's: it is among the `errors`.
   */
  async getOrSetMany<T extends V = V>(
    keys: readonly string[],
    loadMissing: ManyLoader<T>,
    options?: Expiration | GetOrSetOptions,
  ): Promise<ManyValues<T>> {
    const context = this.#context;
    const getOrSetMany = async (): Promise<ReadonlyMap<string, LoadAnswer<T>>> => {
      validateKeyList(keys, { operation: 'getOrSetMany', backend: 'stack' });
      const requests = [...new Set(keys)].map((key) => ({ key, stored: context.key('getOrSetMany', key) }));
      return context.readThrough.answerMany<T>(requests, loadMissing, getOrSetOptionsOf(options));
    };
    const answers = await context.call('getOrSetMany', getOrSetMany, (found, hooks, durationMs) => {
      for (const [key, answer] of found) answerReport('getOrSetMany', key)(answer, hooks, durationMs);
      return 'done';
    });
    return manyValues(answers);
  }

  /**
   * A function that answers from the cache: `fn`'s results are stored under the key that `key` makes of its arguments.
   *
   * @throws CacheOptionError if `fn` or `key` is no function
   */
  memoize<Args extends readonly unknown[], T extends V>(
    fn: (...args: Args) => Promise<T | null | undefined> | T | null | undefined,
    options: MemoizeOptions<Args>,
  ): (...args: Args) => Promise<T | undefined> {
    if (typeof fn !== 'function' || typeof options?.key !== 'function') {
      throw new CacheOptionError('memoize takes a function, and how the key of a call is made: memoize(fn, { key }).', {
        operation: 'memoize',
        backend: 'stack',
      });
    }
    const { key, ...loadOptions } = options;
    return async (...args) => this.getOrSet<T>(key(...args), () => fn(...args), loadOptions);
  }

  /** A part of this cache with a prefix, a `clear` and a type of its own. */
  namespace<Input = unknown, Output = Input>(
    name: string,
    options: NamespaceOptions<Input, Output> = {},
  ): Namespace<Input, Output> {
    return new Namespace(this as StackCache<unknown>, name, options);
  }

  /** The circuit breaker in front of the second level; `undefined` if there is none. */
  get breaker(): CacheBreaker | undefined {
    return this.#context.guard;
  }

  /**
   * How the cache is, for a readiness probe: asks the second level, if that is not left alone just now. Never rejects, and
   * settles within `l2TimeoutMs`. A cache that is `degraded` or `down` answers all the same, through its loaders.
   */
  health(): Promise<StackHealth> {
    return this.#context.vitals.health(this.#context.isClosed);
  }

  /**
   * Waits until the second level has answered, for programs that had rather not start without it: `await createCache(…).ready()`.
   *
   * @throws CacheUnavailableError if it has not within `timeoutMs` (5,000), CacheOptionError at once if that is no
   * time, or if it refuses for a reason that waiting does not mend, such as its credentials
   */
  async ready({ timeoutMs = 5_000 }: ReadyOptions = {}): Promise<this> {
    this.#context.refuseIfClosed('ping');
    await this.#context.vitals.awaitL2(timeoutMs);
    return this;
  }

  /**
   * Ends loads under way with a `CacheClosedError`, hands their leases back, carries out what invalidations are queued, and
   * leaves the bus. Closes neither the levels nor the bus: they may be others' too.
   *
   * @throws CacheOptionError for a `drainWithinMs` that is no time: then it is not closed
   */
  close(options?: CloseOptions): Promise<void> {
    return this.#context.close(options);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Apart from `get`, where a closure would cost every hit. */
  async #get(key: string, near: undefined | NotAsked): Promise<V | undefined> {
    const get = (): Promise<Found<V>> => this.#read('get', key, near);
    const { value } = await this.#context.call('get', get, foundReport('get', key));
    return value;
  }

  #getOrSet<T extends V>(
    key: string,
    loader: Loader<T>,
    options: Expiration | GetOrSetOptions | undefined,
    near: undefined | NotAsked,
  ): Promise<LoadAnswer<T>> {
    const context = this.#context;
    const answer = (): Promise<LoadAnswer<T>> => this.#answer(key, loader, options, near);
    return context.observer.isSilent ? answer() : context.call('getOrSet', answer, answerReport('getOrSet', key));
  }

  #answer<T extends V>(
    key: string,
    loader: Loader<T>,
    options: Expiration | GetOrSetOptions | undefined,
    near: undefined | NotAsked,
  ): Promise<LoadAnswer<T>> {
    const context = this.#context;
    try {
      context.refuseIfClosed('getOrSet');
      const requested = { key, stored: context.key('getOrSet', key), isNearAsked: near !== NOT_ASKED };
      const read = loader as unknown as Loader<V>;
      return context.readThrough.answer(requested, read, getOrSetOptionsOf(options)) as Promise<LoadAnswer<T>>;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async #read(operation: CacheOperation, key: string, atOnce: undefined | NotAsked): Promise<Found<V>> {
    const { local, counter } = this.#context;
    const stored = this.#context.key(operation, key);
    const near = atOnce === NOT_ASKED ? local.read(stored) : undefined;
    if (near !== undefined) {
      counter.l1Hits += 1;
      return { value: near, level: 'l1' };
    }
    const shared = local.isWhole
      ? undefined
      : await this.#context.tolerate(operation, () => this.#fetch(stored), undefined);
    if (shared === undefined) counter.misses += 1;
    else counter.l2Hits += 1;
    return { value: shared, level: shared === undefined ? undefined : 'l2' };
  }

  /** Reads the shared level and keeps a copy, if nothing was invalidated meanwhile. */
  async #fetch(key: string): Promise<V | undefined> {
    const { reads, fence, timers } = this.#context;
    const sentAtMs = timers.now();
    const inFlight = fence.register(key);
    try {
      const entry = await reads.read(key);
      if (entry.state !== 'fresh') return undefined;
      const { value, remainingInSeconds, tags } = entry;
      this.#context.install(inFlight, { value, remainingInSeconds, tags, isAsStored: true, sentAtMs });
      return value;
    } finally {
      fence.end(inFlight);
    }
  }
}

/** True if a near value is not simply the answer. */
function needsMore(options: Expiration | GetOrSetOptions): boolean {
  if (options === null || typeof options !== 'object') return false;
  return options.force === true || options.signal !== undefined || (options.earlyExpiration ?? 0) > 0;
}

function bareValue<T>(answer: LoadAnswer<T>): T | undefined {
  if (answer.kind === 'value') return answer.value;
  if (answer.kind === 'error') throw answer.error;
  return undefined;
}

/** The loader's own error, unchanged. It is no failure of the cache, so hooks hear of it as a load that failed. */
function valueOrError<T>(answer: LoadAnswer<T>): SourcedValue<T> | undefined {
  if (answer.kind === 'error') throw answer.error;
  if (answer.kind === 'absent') return undefined;
  return { value: answer.value, source: answer.source, ageInSeconds: answer.ageInSeconds };
}
