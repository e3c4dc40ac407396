import {
  type CacheErrorContext,
  type CacheOperation,
  CacheUnavailableError,
  type Expiration,
  expirationOf,
  type KeyTransformer,
  resolveKey,
  type SetOptions,
  tagsOf,
} from '@cache/core';
import { listenToBus } from './bus-listener.ts';
import { BusTeller } from './bus-teller.ts';
import { CallObserver } from './call-observer.ts';
import type { CallReport } from './call-report.ts';
import { CoherentWrites, type WriteScope } from './coherent-writes.ts';
import { type CloseOptions, closedError, endStack } from './end-stack.ts';
import { ErrorBackoff } from './error-backoff.ts';
import { type ResolvedLoadOptions, resolveLoadOptions } from './get-or-set-options.ts';
import { DEFAULT_L2_TIMEOUT_MS, type GuardedLevel, guardedLevel } from './guarded-level.ts';
import { type InFlight, InstallFence } from './install-fence.ts';
import { isRefusedByBreaker } from './level-gate.ts';
import type { Capabilities } from './levels.ts';
import { Loads } from './loads.ts';
import { MissShare } from './miss-share.ts';
import type { Installable, LocalLevel } from './near-level.ts';
import { NOT_ASKED, type NotAsked } from './not-asked.ts';
import { ReadBatch } from './read-batch.ts';
import { ReadThrough } from './read-through.ts';
import { requireTags } from './require-tags.ts';
import { capability, type SharedStore, sharedStore } from './shared-store.ts';
import { alone, claim, DEFAULT_MAX_L1_STALENESS_IN_SECONDS, localLevel } from './stack-levels.ts';
import { type StackOptions, validateStackOptions } from './stack-options.ts';
import { StackCounter, type StackStatistics } from './stack-statistics.ts';
import { StackVitals } from './stack-vitals.ts';
import { isCallersFault, isQueued } from './store-error.ts';
import { backgroundTimers, systemTimers, type Timers } from './timers.ts';
import { Turns } from './turns.ts';
import { validatePatience } from './validate-patience.ts';

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
  /** What stands before the second level; `undefined` if nothing does. */
  readonly guard: GuardedLevel<V> | undefined;
  readonly vitals: StackVitals<V>;
  readonly #teller: BusTeller | undefined;
  readonly #fulfilsQueued: boolean;
  /** The second level tells the stack's own bus of what invalidates. */
  readonly #isToldByStore: boolean;
  readonly #loads: Loads<V>;
  readonly #keyTransformer: KeyTransformer | undefined;
  readonly #leave: () => void;
  #closing: Promise<void> | undefined;
  #answersAtOnce: boolean;

  /** @throws CacheOptionError if the options do not fit together */
  constructor(options: StackOptions<V>) {
    validateStackOptions(options);
    const { l1, l2, bus, timers = systemTimers, random = Math.random } = options;
    const { maxL1StalenessInSeconds = DEFAULT_MAX_L1_STALENESS_IN_SECONDS } = options;
    const { l2TimeoutMs = DEFAULT_L2_TIMEOUT_MS } = options;
    const { fence, counter } = this;
    this.timers = timers;
    this.#keyTransformer = options.keyTransformer;
    this.defaults = resolveLoadOptions(undefined, options.defaults ?? {});
    this.observer = new CallObserver(options.hooks, options.name ?? 'stack', timers);
    this.#fulfilsQueued = options.onUnavailable === 'queue';
    this.#isToldByStore = bus !== undefined && l2?.publishesTo?.origin === bus.origin;
    const teller =
      bus === undefined
        ? undefined
        : new BusTeller({ bus, timers, pauses: options.timers ?? backgroundTimers, timeoutMs: l2TimeoutMs });
    this.#teller = teller;
    this.guard = guardedLevel(options, {
      // Whether it was carried out does not depend on the bus, and the second level is not kept waiting for it.
      announce: (invalidations) => teller?.tellLater(invalidations),
      forget: (keys) => this.#forgetSafely({ keys }),
      flush: () => this.writes.forget({ all: true }),
      onChange: (state, previous, queuedInvalidations) => {
        if (state === 'open' && previous === 'closed') counter.breakerOpenings += 1;
        this.observer.breaker(state, previous, queuedInvalidations);
      },
      onRecoveryFailure: (error) => this.degraded('ping', error),
    });
    this.vitals = new StackVitals({
      l2,
      hasL1: l1 !== undefined,
      guard: this.guard,
      bus,
      busBoundMs: maxL1StalenessInSeconds * 1000,
      l2TimeoutMs,
      timers,
    });
    this.store = sharedStore(this.guard?.cache ?? l2 ?? alone(l1), timers, maxL1StalenessInSeconds);
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
      tell: teller === undefined ? undefined : (invalidations) => teller.tell(invalidations),
      install: (inFlight, item) => this.install(inFlight, item),
    });
    // Only a copy in the first level must know how long it may live.
    const entryOptions = { needsRemaining: l1 !== undefined };
    this.reads = new ReadBatch((keys) => store.getEntries(keys, entryOptions));
    this.#loads = new Loads({
      store,
      isStoreHere: local.isWhole,
      fence,
      backoff,
      timers,
      turns,
      missShare: new MissShare(),
      random,
      read: (key, reader) => this.reads.add(key, reader),
      install: (inFlight, item) => this.install(inFlight, item),
      installUnstored: (inFlight, item) => {
        if (this.isStoreOut) this.install(inFlight, item, 'unstored');
      },
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
      expire: (key) => this.#writeInvalidating({ keys: [key] }, () => this.expire(key)),
      onStoreError: (error) => this.degraded('expireItem', error),
    });
    const stopListening =
      bus === undefined
        ? noop
        : listenToBus(
            bus,
            (scope) => this.#forgetSafely(scope),
            () => this.guard?.doubtServer(),
          );
    this.#leave = () => {
      stopListening();
      release();
    };
    const needsEntries = local.isWhole && this.defaults.earlyExpiration > 0;
    this.#answersAtOnce = options.keyTransformer === undefined && !needsEntries;
  }

  /** Runs a call, told to the hooks; a closed cache refuses it. What it throws is a rejection. */
  call<T>(operation: CacheOperation, run: () => Promise<T>, report: CallReport<T>): Promise<T> {
    const guarded = (): Promise<T> => {
      try {
        this.refuseIfClosed(operation);
        return run();
      } catch (error) {
        return Promise.reject(error);
      }
    };
    return this.observer.isSilent ? guarded() : this.observer.observe(operation, guarded, report);
  }

  /** The near value of a key as it was given, and the hooks told of it, where nothing has to be checked or transformed. */
  nearAtOnce(operation: CacheOperation, key: string): V | undefined | NotAsked {
    if (!this.#answersAtOnce) return NOT_ASKED;
    const { observer } = this;
    const startedAtMs = observer.isSilent ? 0 : this.timers.now();
    let near: V | undefined;
    try {
      near = this.local.read(key);
    } catch {
      // The way that says what is wrong is the long one.
      return NOT_ASKED;
    }
    if (near === undefined) return undefined;
    this.counter.l1Hits += 1;
    if (!observer.isSilent) observer.nearHit(operation, key, startedAtMs);
    return near;
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

  /** True while the second level is left alone. */
  get isStoreOut(): boolean {
    return this.guard !== undefined && this.guard.state !== 'closed';
  }

  #writeInvalidating<T>(scope: WriteScope, run: () => Promise<T>): Promise<T> {
    return this.#isToldByStore ? this.writes.writeTold(scope, run) : this.writes.write(scope, run);
  }

  /** Carries out what invalidates; with `onUnavailable: 'queue'`, what is queued instead counts as done. */
  async invalidate<T>(scope: WriteScope, run: () => Promise<T>, ifQueued: T): Promise<T> {
    try {
      return await this.#writeInvalidating(scope, run);
    } catch (error) {
      if (this.#fulfilsQueued && isQueued(error)) return ifQueued;
      throw error;
    }
  }

  /** Runs a read: what the shared level fails to answer is told to `onError`, and is a miss. */
  async tolerate<T>(operation: CacheOperation, read: () => Promise<T>, otherwise: T): Promise<T> {
    try {
      return await read();
    } catch (error) {
      if (isCallersFault(error, operation)) throw error;
      this.degraded(operation, error);
      return otherwise;
    }
  }

  /** The shared level failed, and no caller hears of it. */
  degraded(operation: CacheOperation, error: unknown): void {
    // That it is left alone was told once, by the breaker.
    if (isRefusedByBreaker(error)) return;
    this.counter.storeFailures += 1;
    this.observer.degraded(operation, error);
  }

  /** Keeps a value near, if the fence admits it. A near cache that refuses it harms nobody. */
  install(inFlight: InFlight, item: Installable<V>, how: 'stored' | 'unstored' = 'stored'): void {
    try {
      if (how === 'stored') this.local.install(inFlight, item);
      else this.local.installUnstored(inFlight, item);
    } catch (error) {
      this.degraded('set', error);
    }
  }

  /** @throws CacheClosedError */
  refuseIfClosed(operation: CacheOperation): void {
    if (this.isClosed) throw closedError(operation);
  }

  get isClosed(): boolean {
    return this.#closing !== undefined;
  }

  close(options: CloseOptions = {}): Promise<void> {
    if (this.#closing !== undefined) return this.#closing;
    if (options.drainWithinMs !== undefined) {
      try {
        validatePatience('drainWithinMs', options.drainWithinMs, 'close');
      } catch (error) {
        return Promise.reject(error);
      }
    }
    this.#answersAtOnce = false;
    this.#leave();
    const onLost = (message: string): void =>
      this.degraded('close', new CacheUnavailableError(message, context('close')));
    this.#closing = endStack({ loads: this.#loads, guard: this.guard, teller: this.#teller, onLost }, options);
    return this.#closing;
  }

  /** The counts as they are now. */
  statistics(): StackStatistics {
    const { refusedCalls = 0, queuedInvalidations = 0, queueOverflows = 0 } = this.guard ?? {};
    return { ...this.counter.snapshot(), refusedCalls, queuedInvalidations, queueOverflows };
  }

  /** For who cannot be told that a near cache failed. */
  #forgetSafely(scope: WriteScope): void {
    try {
      this.writes.forget(scope);
    } catch (error) {
      this.degraded('removeItem', error);
    }
  }
}

function context(operation: CacheOperation): CacheErrorContext {
  return { operation, backend: 'stack' };
}

function noop(): void {}
