import {
  CacheClosedError,
  type CacheErrorContext,
  type CacheOperation,
  CacheOptionError,
  type Expiration,
  expirationOf,
  type KeyTransformer,
  resolveKey,
  type SetOptions,
  tagsOf,
  toAsync,
} from '@cache/core';
import { listenToBus } from './bus-listener.ts';
import { CallObserver } from './call-observer.ts';
import type { CallReport } from './call-report.ts';
import { CoherentWrites, type WriteScope } from './coherent-writes.ts';
import { ErrorBackoff } from './error-backoff.ts';
import { type ResolvedLoadOptions, resolveLoadOptions } from './get-or-set-options.ts';
import { type InFlight, InstallFence } from './install-fence.ts';
import type { Capabilities, NearCache, SharedCache } from './levels.ts';
import { Loads } from './loads.ts';
import { MissShare } from './miss-share.ts';
import { type Installable, type LocalLevel, NearLevel, noLevel, onlyLevel } from './near-level.ts';
import { ReadBatch } from './read-batch.ts';
import { ReadThrough } from './read-through.ts';
import { requireTags } from './require-tags.ts';
import { capability, type SharedStore, sharedStore } from './shared-store.ts';
import { type StackOptions, validateStackOptions } from './stack-options.ts';
import { StackCounter } from './stack-statistics.ts';
import { isCallersFault } from './store-error.ts';
import { systemTimers, type Timers } from './timers.ts';
import { Turns } from './turns.ts';

const DEFAULT_MAX_L1_STALENESS_IN_SECONDS = 2;
const DEFAULT_MAX_L1_EXPIRATION_IN_SECONDS = 30;

/** A near cache under two stacks would be filled by one with what the other has invalidated. */
const claimedNearCaches = new WeakSet<object>();

/** What a stack is put together from, and what all its calls have in common. */
export class StackContext<V> {
  readonly local: LocalLevel<V>;
  readonly store: SharedStore<V>;
  readonly fence: InstallFence = new InstallFence();
  readonly reads: ReadBatch<V>;
  readonly writes: CoherentWrites<V>;
  readonly readThrough: ReadThrough<V>;
  readonly observer: CallObserver;
  readonly counter: StackCounter = new StackCounter();
  readonly defaults: ResolvedLoadOptions;
  readonly timers: Timers;
  readonly #loads: Loads<V>;
  readonly #keyTransformer: KeyTransformer | undefined;
  readonly #leave: () => void;
  #isClosed = false;
  #answersAtOnce: boolean;

  /** @throws CacheOptionError if the options do not fit together */
  constructor(options: StackOptions<V>) {
    validateStackOptions(options);
    const { l1, l2, bus, timers = systemTimers, random = Math.random } = options;
    const { maxL1StalenessInSeconds = DEFAULT_MAX_L1_STALENESS_IN_SECONDS } = options;
    const { fence, counter } = this;
    this.timers = timers;
    this.#keyTransformer = options.keyTransformer;
    this.defaults = resolveLoadOptions(undefined, options.defaults ?? {});
    this.observer = new CallObserver(options.hooks, options.name ?? 'stack', timers);
    this.store = sharedStore(l2 ?? alone(l1), timers, maxL1StalenessInSeconds);
    requireTags(this.store.cache, this.defaults.tags, 'getOrSet');
    const release = claim(l1, l2);
    const local = localLevel(options, fence, timers);
    this.local = local;
    const { store } = this;
    const turns = new Turns();
    const backoff = new ErrorBackoff(() => timers.now());
    this.writes = new CoherentWrites({
      local,
      store,
      fence,
      backoff,
      bus,
      install: (inFlight, item) => this.install(inFlight, item),
    });
    this.reads = new ReadBatch((keys) => store.getEntries(keys));
    this.#loads = new Loads({
      store,
      fence,
      backoff,
      timers,
      turns,
      missShare: new MissShare(),
      random,
      read: (key, onSend) => this.reads.read(key, onSend),
      install: (inFlight, item) => this.install(inFlight, item),
      onStoreError: (operation, error) => this.degraded(operation, error),
      onLoad: (key, outcome, durationMs) => {
        counter.loads += 1;
        if (outcome === 'error') counter.failedLoads += 1;
        this.observer.loaded(key, outcome, durationMs);
      },
      onFill: (isStored) => {
        if (!isStored) counter.fencedFills += 1;
      },
    });
    this.readThrough = new ReadThrough({
      local,
      store,
      loads: this.#loads,
      turns,
      counter,
      defaults: this.defaults,
      expire: (key) => this.writes.write({ keys: [key] }, () => this.expire(key)),
      onStoreError: (error) => this.degraded('expireItem', error),
    });
    const stopListening = bus === undefined ? noop : listenToBus(bus, (scope) => this.#forgetForOthers(scope));
    this.#leave = () => {
      stopListening();
      release();
    };
    const needsEntries = local.isWhole && this.defaults.earlyExpiration > 0;
    this.#answersAtOnce = this.observer.isSilent && options.keyTransformer === undefined && !needsEntries;
  }

  /** Runs a call, told to the hooks; a closed cache refuses it. What it throws is a rejection. */
  call<T>(operation: CacheOperation, run: () => Promise<T>, report: CallReport<T>): Promise<T> {
    const guarded = async (): Promise<T> => {
      this.refuseIfClosed(operation);
      return run();
    };
    return this.observer.observe(operation, guarded, report);
  }

  /** The near value of a key as it was given, where nothing has to be told, checked or transformed for it. */
  nearAtOnce(key: string): V | undefined {
    if (!this.#answersAtOnce) return undefined;
    try {
      const near = this.local.read(key);
      if (near !== undefined) this.counter.l1Hits += 1;
      return near;
    } catch {
      // The way that says what is wrong is the long one.
      return undefined;
    }
  }

  /** @throws CacheKeyError */
  key(operation: CacheOperation, key: string): string {
    return resolveKey(key, this.#keyTransformer, context(operation));
  }

  get keyTransformer(): KeyTransformer | undefined {
    return this.#keyTransformer;
  }

  /** @throws CacheOptionError */
  setOptions(
    operation: CacheOperation,
    options: Expiration | SetOptions | undefined,
  ): SetOptions & { readonly expirationInSeconds: Expiration } {
    const expirationInSeconds = expirationOf(options, this.defaults.expirationInSeconds, context(operation));
    const tags = tagsOf(options, context(operation));
    requireTags(this.store.cache, tags, operation);
    return tags.length === 0 ? { expirationInSeconds } : { expirationInSeconds, tags };
  }

  /** A capability of the shared level. @throws CacheOptionError if it has none of that name */
  can<Name extends keyof Capabilities<V>>(name: Name): Capabilities<V>[Name] {
    return capability(this.store.cache, name);
  }

  /** Makes a stored key stale; a cache without stale copies has nothing to keep, so there expired is removed. */
  async expire(stored: string): Promise<boolean> {
    const { cache } = this.store;
    return cache.expireItem === undefined ? cache.removeItem(stored) : cache.expireItem(stored);
  }

  /** Runs a read: what the shared level fails to answer is told to `onError`, and is a miss. */
  async tolerate<T>(operation: CacheOperation, read: () => Promise<T>, otherwise: T): Promise<T> {
    try {
      return await read();
    } catch (error) {
      if (isCallersFault(error)) throw error;
      this.degraded(operation, error);
      return otherwise;
    }
  }

  /** The shared level failed, and no caller hears of it. */
  degraded(operation: CacheOperation, error: unknown): void {
    this.counter.storeFailures += 1;
    this.observer.degraded(operation, error);
  }

  /** Keeps a value near, if the fence admits it. A near cache that refuses it harms nobody. */
  install(inFlight: InFlight, item: Installable<V>): void {
    try {
      this.local.install(inFlight, item);
    } catch (error) {
      this.degraded('set', error);
    }
  }

  /** @throws CacheClosedError */
  refuseIfClosed(operation: CacheOperation): void {
    if (this.#isClosed) throw closedError(operation);
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#answersAtOnce = false;
    this.#leave();
    await this.#loads.close(closedError('getOrSet'));
  }

  #forgetForOthers(scope: WriteScope): void {
    try {
      this.writes.forget(scope);
    } catch (error) {
      // The bus goes on: others listen to it.
      this.degraded('removeItem', error);
    }
  }
}

function context(operation: CacheOperation): CacheErrorContext {
  return { operation, backend: 'stack' };
}

function closedError(operation: CacheOperation): CacheClosedError {
  return new CacheClosedError('The cache is closed.', context(operation));
}

/** A first level alone is the store. */
function alone<V>(l1: StackOptions<V>['l1']): SharedCache<V> {
  if (l1 === undefined) throw new CacheOptionError('createCache needs a level: l1, l2 or both.', { backend: 'stack' });
  return toAsync(l1) as unknown as SharedCache<V>;
}

function claim<V>(l1: NearCache<V> | undefined, l2: SharedCache<V> | undefined): () => void {
  if (l1 === undefined || l2 === undefined) return noop;
  if (claimedNearCaches.has(l1)) {
    throw new CacheOptionError('This l1 belongs to another stack: give each its own.', { backend: 'stack' });
  }
  claimedNearCaches.add(l1);
  return () => claimedNearCaches.delete(l1);
}

function localLevel<V>({ l1, l2, ...options }: StackOptions<V>, fence: InstallFence, timers: Timers): LocalLevel<V> {
  if (l1 === undefined) return noLevel;
  if (l2 === undefined) return onlyLevel(l1);
  return new NearLevel(l1, fence, timers, {
    bus: options.bus,
    maxStalenessInSeconds: options.maxL1StalenessInSeconds ?? DEFAULT_MAX_L1_STALENESS_IN_SECONDS,
    maxExpirationInSeconds: options.maxL1ExpirationInSeconds ?? DEFAULT_MAX_L1_EXPIRATION_IN_SECONDS,
  });
}

function noop(): void {}
