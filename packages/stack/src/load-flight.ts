import type { Absent, CacheEntry, CacheOperation, FillOptions, Lease } from '@cache/core';
import { isEarly } from './early-expiration.ts';
import type { ErrorBackoff } from './error-backoff.ts';
import type { Loader, ResolvedLoadOptions } from './get-or-set-options.ts';
import type { InFlight, InstallFence } from './install-fence.ts';
import { withJitter } from './jitter.ts';
import {
  advance,
  initialLoadState,
  type LoadAnswer,
  type LoadEffect,
  type LoadEvent,
  type LoadPolicy,
  type LoadState,
} from './load-path.ts';
import { type LoadResult, runLoader } from './loading.ts';
import { pollDelayMs } from './poll-delay.ts';
import type { SharedStore } from './shared-store.ts';
import type { Timers } from './timers.ts';

/** What is to be kept in the local level, if the fence admits it. */
export interface Installable<V> {
  readonly value: V;
  /** Counted from when the request was sent; `null` for never. */
  readonly remainingInSeconds: number | null;
  readonly tags: readonly string[];
  readonly sentAtMs: number;
}

/** Everything a flight touches. */
export interface FlightEffects<V> {
  readonly store: Pick<SharedStore<V>, 'getOrLease' | 'fill' | 'renew' | 'release'>;
  readonly fence: InstallFence;
  readonly backoff: ErrorBackoff;
  readonly timers: Timers;
  readonly random: () => number;
  readonly closing: AbortSignal;
  read(key: string): Promise<CacheEntry<V>>;
  install(inFlight: InFlight, item: Installable<V>): void;
  onStoreError(operation: CacheOperation, error: unknown): void;
  onLoad(key: string, outcome: 'done' | 'error', durationMs: number): void;
  onFinish(flight: LoadFlight<V>): void;
}

/** What one flight is asked to do. */
export interface FlightRequest<V> {
  readonly key: string;
  readonly loader: Loader<V>;
  readonly options: ResolvedLoadOptions;
  /** Whether a stale copy may answer, where the options keep one. */
  readonly stale: 'serve' | 'never';
  /** Told once, when it is clear whether the loader is needed now. */
  readonly onDecided?: () => void;
}

/** Carries out the load path for one key, for every caller in this process that asks for it meanwhile. */
export class LoadFlight<V> {
  /** Registered before the first request: what invalidates the key or anything later makes the flight suspect. */
  readonly inFlight: InFlight;
  readonly answer: Promise<LoadAnswer<V>>;
  readonly #request: FlightRequest<V>;
  readonly #effects: FlightEffects<V>;
  readonly #policy: LoadPolicy<V>;
  readonly #cancels = new Set<() => void>();
  #state: LoadState<V> = initialLoadState();
  #isDecided = false;
  #result: LoadResult<V> | undefined;
  #sentAtMs = 0;
  #settle: (answer: LoadAnswer<V>) => void = () => {};

  constructor(request: FlightRequest<V>, effects: FlightEffects<V>) {
    this.#request = request;
    this.#effects = effects;
    const { staleInSeconds, softTimeoutMs, earlyExpiration } = request.options;
    const canServeStale = request.stale === 'serve' && staleInSeconds > 0;
    this.#policy = {
      stale: !canServeStale ? 'never' : softTimeoutMs === Number.POSITIVE_INFINITY ? 'onError' : 'serve',
      answersStaleAtOnce: softTimeoutMs === 0,
      isEarly: (entry) => isEarly(entry, earlyExpiration, effects.random),
    };
    this.answer = new Promise((resolve) => {
      this.#settle = resolve;
    });
    this.inFlight = effects.fence.register(request.key);
  }

  get key(): string {
    return this.#request.key;
  }

  /** Begins. Call once. */
  start(): void {
    this.#dispatch({ type: 'start' });
  }

  /** False if something was invalidated since the flight began that its answer may not know: then start another. */
  get isTrustworthy(): boolean {
    return this.#state.phase !== 'done' && !this.#effects.fence.isSuspect(this.inFlight);
  }

  #dispatch(event: LoadEvent<V>): void {
    if (this.#state.phase === 'done') return;
    const [state, effects] = advance(this.#state, event, this.#policy);
    this.#state = state;
    for (const effect of effects) this.#carryOut(effect);
    if (this.#isDecided || state.phase === 'reading' || state.phase === 'leasing') return;
    this.#isDecided = true;
    this.#request.onDecided?.();
  }

  #carryOut(effect: LoadEffect<V>): void {
    switch (effect.do) {
      case 'read':
        this.#ask('getEntries', () => this.#effects.read(this.key));
        break;
      case 'lease':
        this.#ask('getOrLease', () => this.#getOrLease(effect.evenIfFresh));
        break;
      case 'startLockTimer':
        this.#after(this.#request.options.lockTimeoutMs, { type: 'lockTimeout' });
        break;
      case 'startSoftTimer':
        this.#after(this.#request.options.softTimeoutMs, { type: 'softTimeout' });
        break;
      case 'poll':
        this.#after(pollDelayMs(effect.attempt, this.#effects.random), { type: 'pollDue' });
        break;
      case 'load':
        this.#load(effect.lease, effect.stale);
        break;
      case 'fill':
        this.#fill(effect.lease, effect.value);
        break;
      case 'release':
        this.#release(effect.lease);
        break;
      case 'install':
        this.#effects.install(this.inFlight, { ...effect.entry, sentAtMs: this.#sentAtMs });
        break;
      case 'installLoaded':
        this.#installLoaded(effect.value);
        break;
      case 'answer':
        this.#settle(effect.answer);
        break;
      case 'finish':
        this.#finish();
        break;
    }
  }

  #ask(operation: CacheOperation, request: () => Promise<CacheEntry<V>>): void {
    this.#sentAtMs = this.#effects.timers.now();
    request().then(
      (entry) => {
        const recentError = this.#effects.backoff.recent(this.key);
        this.#dispatch(recentError === undefined ? { type: 'entry', entry } : { type: 'entry', entry, recentError });
      },
      (error: unknown) => {
        this.#effects.onStoreError(operation, error);
        this.#dispatch({ type: 'storeFailed' });
      },
    );
  }

  #getOrLease(evenIfFresh: boolean): Promise<CacheEntry<V>> {
    const { leaseInSeconds, staleInSeconds } = this.#request.options;
    return this.#effects.store.getOrLease(this.key, { leaseInSeconds, staleInSeconds, evenIfFresh });
  }

  #load(lease: Lease | undefined, stale: V | undefined): void {
    const { timers, closing } = this.#effects;
    const startedAtMs = timers.now();
    if (lease !== undefined) this.#keepAlive(lease);
    runLoader(this.key, this.#request.loader, stale, this.#request.options, timers, closing).then(
      (result) => {
        this.#result = result;
        this.#effects.onLoad(this.key, 'done', result.durationMs);
        this.#dispatch({ type: 'loaded', loaded: result });
      },
      (error: unknown) => {
        this.#effects.onLoad(this.key, 'error', timers.now() - startedAtMs);
        this.#effects.backoff.record(this.key, error, this.#request.options.errorBackoffMs);
        this.#dispatch({ type: 'loadFailed', error });
      },
    );
  }

  /** Renews at a third of the lease: two renewals may be lost before it runs out. A lost lease only costs the fill. */
  #keepAlive(lease: Lease): void {
    const { leaseInSeconds } = this.#request.options;
    const { store, timers } = this.#effects;
    const renew = (): void => {
      this.#cancels.delete(cancel);
      if (this.#state.phase !== 'loading') return;
      store.renew(lease, leaseInSeconds).catch((error: unknown) => this.#effects.onStoreError('renew', error));
      this.#keepAlive(lease);
    };
    const cancel = timers.after((leaseInSeconds * 1000) / 3, renew);
    this.#cancels.add(cancel);
  }

  #fill(lease: Lease, value: V | Absent): void {
    const result = this.#result;
    if (result === undefined) {
      this.#dispatch({ type: 'fillFailed' });
      return;
    }
    const options: FillOptions = {
      expirationInSeconds: withJitter(result.expirationInSeconds, this.#request.options.jitter, this.#effects.random),
      tags: result.tags,
      staleInSeconds: this.#request.options.staleInSeconds,
      loadDurationMs: result.durationMs,
    };
    this.#result = { ...result, expirationInSeconds: options.expirationInSeconds ?? null };
    this.#sentAtMs = this.#effects.timers.now();
    this.#effects.store.fill(lease, value as NonNullable<V> | Absent, options).then(
      (isStored) => this.#dispatch({ type: 'filled', isStored }),
      (error: unknown) => {
        this.#effects.onStoreError('fill', error);
        this.#dispatch({ type: 'fillFailed' });
      },
    );
  }

  #release(lease: Lease): void {
    this.#effects.store.release(lease).catch((error: unknown) => this.#effects.onStoreError('release', error));
  }

  #installLoaded(value: V): void {
    if (this.#result === undefined) return;
    const { expirationInSeconds, tags } = this.#result;
    const item = { value, remainingInSeconds: expirationInSeconds, tags, sentAtMs: this.#sentAtMs };
    this.#effects.install(this.inFlight, item);
  }

  #after(delayMs: number, event: LoadEvent<V>): void {
    const cancel = this.#effects.timers.after(delayMs, () => {
      this.#cancels.delete(cancel);
      this.#dispatch(event);
    });
    this.#cancels.add(cancel);
  }

  #finish(): void {
    for (const cancel of this.#cancels) cancel();
    this.#cancels.clear();
    this.#effects.fence.end(this.inFlight);
    this.#effects.onFinish(this);
  }
}
