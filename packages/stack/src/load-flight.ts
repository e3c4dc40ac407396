import { ABSENT, type Absent, type CacheEntry, type CacheOperation, type FillOptions, type Lease } from '@cache/core';
import { earlyWindowInSeconds, isEarly } from './early-expiration.ts';
import type { ErrorBackoff } from './error-backoff.ts';
import type { Loader, ResolvedLoadOptions } from './get-or-set-options.ts';
import type { InFlight, InstallFence } from './install-fence.ts';
import { withJitter } from './jitter.ts';
import { LeaseKeeper, type LeaseKeeperParts } from './lease-keeper.ts';
import {
  type AnswerProof,
  advance,
  initialLoadState,
  type LoadAnswer,
  type LoadEffect,
  type LoadEvent,
  type LoadPolicy,
  type LoadState,
} from './load-path.ts';
import { Loading, type LoadResult, type LoadWaiter } from './loading.ts';
import type { MissShare } from './miss-share.ts';
import type { Installable } from './near-level.ts';
import { pollDelayMs } from './poll-delay.ts';
import type { KeyReader } from './read-batch.ts';
import type { SharedStore } from './shared-store.ts';
import { stalePolicy } from './stale-policy.ts';
import type { Turns } from './turns.ts';

/** Everything a flight touches. */
export interface FlightEffects<V> extends LeaseKeeperParts {
  readonly store: Pick<SharedStore<V>, 'getOrLease' | 'fill' | 'renew' | 'release'>;
  readonly fence: InstallFence;
  readonly backoff: ErrorBackoff;
  readonly turns: Turns;
  readonly missShare: MissShare;
  readonly random: () => number;
  /** Deals with the store's answer, soon if many come at once. */
  deal(answer: () => void): void;
  /** Reads through the batch of this turn. */
  read(key: string, reader: KeyReader<V>): void;
  install(inFlight: InFlight, item: Installable<V>): void;
  /** Keeps near what there is no store for now. */
  installUnstored(inFlight: InFlight, item: Installable<V>): void;
  onLoad(key: string, outcome: 'done' | 'error', durationMs: number): void;
  onFill(isStored: boolean): void;
  onFinish(flight: LoadFlight<V>): void;
}

/** What one flight is asked to do. */
export interface FlightRequest<V> {
  /** As it is stored. */
  readonly key: string;
  /** As the application gave it: what loaders and hooks are told. */
  readonly givenKey: string;
  readonly loader: Loader<V>;
  readonly options: ResolvedLoadOptions;
  /** True if neither a stale copy nor a remembered failure may answer. */
  readonly isForced: boolean;
  /** True if its read travels with others'. */
  readonly isOneOfMany?: boolean;
  /** True if the store failed a moment ago and is not to be asked. */
  readonly isStoreDown?: boolean;
  /** Told once, when it is clear whether the loader is needed now. */
  readonly onDecided?: (() => void) | undefined;
}

/** Carries out the load path for one key, for every caller in this process that asks for it meanwhile. */
export class LoadFlight<V> implements KeyReader<V>, LoadWaiter<V> {
  readonly answer: Promise<LoadAnswer<V>>;
  readonly #request: FlightRequest<V>;
  readonly #effects: FlightEffects<V>;
  readonly #policy: LoadPolicy<V>;
  /** Registered before the first request: what invalidates the key or anything later makes the flight suspect. */
  readonly #inFlight: InFlight;
  #keeper: LeaseKeeper | undefined;
  #cancels: Set<() => void> | undefined;
  #requestTurn = 0;
  #loadTurn = 0;
  #fillTurn = 0;
  #state: LoadState<V> = initialLoadState();
  #isDecided = false;
  #isHeard = false;
  #isWithoutStore = false;
  #provenAt = 0;
  #result: LoadResult<V> | undefined;
  #sentAtMs = 0;
  #loading: Loading<V> | undefined;
  #settle: (answer: LoadAnswer<V>) => void = noop;
  #onEnd: (() => void) | undefined;

  constructor(request: FlightRequest<V>, effects: FlightEffects<V>) {
    this.#request = request;
    this.#effects = effects;
    this.#policy = policyOf(request, effects.random);
    this.answer = new Promise((resolve) => {
      this.#settle = resolve;
    });
    this.#inFlight = effects.fence.register(request.key);
  }

  get key(): string {
    return this.#request.key;
  }

  /** Fulfils when there is nothing more to do: after the answer, where that was a stale copy. */
  get finished(): Promise<void> {
    if (this.#state.phase === 'done') return Promise.resolve();
    return new Promise((resolve) => {
      const others = this.#onEnd;
      this.#onEnd = () => {
        others?.();
        resolve();
      };
    });
  }

  /** Begins. Call once. */
  start(): void {
    this.#isWithoutStore = this.#request.isStoreDown === true;
    if (this.#isWithoutStore) this.#dispatch({ type: 'storeFailed' });
    else this.#dispatch({ type: 'start', first: this.#first() });
  }

  /** Ends with this error, unless the value is being stored already. */
  close(error: unknown): void {
    this.#dispatch({ type: 'closed', error });
    this.#loading?.giveUp(error);
  }

  /** False once it has answered, or if something was invalidated that its answer may not know: then start another. */
  get isJoinable(): boolean {
    return !this.#state.isAnswered && !this.#effects.fence.isSuspect(this.#inFlight);
  }

  /** After the answer: true if it holds for a caller who joined at this turn. */
  isProvenSince(turn: number): boolean {
    return this.#provenAt > turn;
  }

  #dispatch(event: LoadEvent<V>): void {
    if (this.#state.phase === 'done') return;
    const [state, effects] = advance(this.#state, event, this.#policy);
    this.#state = state;
    if (state.phase !== 'loading') this.#keeper?.stop();
    for (const effect of effects) this.#carryOut(effect);
    if (this.#isDecided || state.phase === 'reading' || state.phase === 'leasing') return;
    this.#isDecided = true;
    this.#request.onDecided?.();
  }

  #carryOut(effect: LoadEffect<V>): void {
    switch (effect.do) {
      case 'read':
        this.#read();
        break;
      case 'lease':
        this.#getOrLease(effect.evenIfFresh);
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
        this.#leaseKeeper.release(effect.lease);
        break;
      case 'backOff':
        this.#leaseKeeper.backOff(effect.lease, this.#request.options.errorBackoffMs);
        break;
      case 'install': {
        // Name by name: to add a field to a copy costs more than all else that a hit costs here.
        const { value, tags, remainingInSeconds, loadDurationMs } = effect.entry;
        this.#install({ value, tags, remainingInSeconds, isAsStored: true }, loadDurationMs);
        break;
      }
      case 'installLoaded':
        this.#installLoaded(effect.value);
        break;
      case 'answer':
        // An error says nothing of the value, so it is as good for who came late.
        this.#provenAt = effect.answer.kind === 'error' ? Number.POSITIVE_INFINITY : this.#turnOf(effect.proof);
        this.#settle(effect.answer);
        break;
      case 'finish':
        this.#finish();
        break;
    }
  }

  #first(): 'read' | 'lease' {
    // In a back-off nobody is to load, and many keys are read together.
    const mustRead = this.#request.isOneOfMany || this.#effects.backoff.recent(this.key) !== undefined;
    return !mustRead && this.#effects.missShare.isHigh ? 'lease' : 'read';
  }

  #read(): void {
    this.#effects.read(this.key, this);
  }

  /** For the batch it reads with: the request leaves now. */
  onSend(): void {
    this.#mark('request');
  }

  /** For the batch it reads with. */
  onEntry(entry: CacheEntry<V>): void {
    this.#effects.deal(() => this.#heard(entry));
  }

  /** For the batch it reads with. */
  onFailure(error: unknown): void {
    this.#storeFailed('getEntries', error);
  }

  #getOrLease(evenIfFresh: boolean): void {
    this.#mark('request');
    const { leaseInSeconds, staleInSeconds } = this.#request.options;
    this.#hear('getOrLease', this.#effects.store.getOrLease(this.key, { leaseInSeconds, staleInSeconds, evenIfFresh }));
  }

  #hear(operation: CacheOperation, reply: Promise<CacheEntry<V>>): void {
    reply.then(
      (entry) => this.onEntry(entry),
      (error: unknown) => this.#storeFailed(operation, error),
    );
  }

  #storeFailed(operation: CacheOperation, error: unknown): void {
    this.#effects.onStoreError(operation, error);
    this.#isWithoutStore = true;
    this.#dispatch({ type: 'storeFailed', recentError: this.#recentError() });
  }

  #heard(entry: CacheEntry<V>): void {
    if (!this.#isHeard) this.#effects.missShare.observe(entry.state);
    this.#isHeard = true;
    if (this.#state.phase === 'done' && 'lease' in entry && entry.lease !== undefined) {
      // Closed meanwhile: nobody will load under it.
      this.#leaseKeeper.release(entry.lease);
    }
    this.#dispatch({ type: 'entry', entry, recentError: this.#recentError() });
  }

  get #leaseKeeper(): LeaseKeeper {
    this.#keeper ??= new LeaseKeeper(this.#effects, this.#request.options.leaseInSeconds);
    return this.#keeper;
  }

  #recentError(): { readonly error: unknown } | undefined {
    return this.#request.isForced ? undefined : this.#effects.backoff.recent(this.key);
  }

  #load(lease: Lease | undefined, stale: V | undefined): void {
    const { timers } = this.#effects;
    const { givenKey, loader, options } = this.#request;
    this.#mark('load');
    if (lease !== undefined) this.#leaseKeeper.keep(lease);
    this.#loading = new Loading({ key: givenKey, loader, stale, options, timers }, this);
  }

  /** For the loader at work. */
  onLoaded(loaded: LoadResult<V>): void {
    this.#result = loaded;
    this.#effects.onLoad(this.#request.givenKey, 'done', loaded.durationMs);
    this.#keepUnstored(loaded);
    this.#dispatch({ type: 'loaded', loaded });
  }

  /** For the loader at work. */
  onLoadFailed(error: unknown): void {
    const { timers, backoff, onLoad } = this.#effects;
    const { key, givenKey, options } = this.#request;
    onLoad(givenKey, 'error', timers.now() - this.#sentAtMs);
    backoff.record(key, error, options.errorBackoffMs);
    this.#dispatch({ type: 'loadFailed', error });
  }

  #fill(lease: Lease, value: V | Absent): void {
    const { options } = this.#request;
    const { expirationInSeconds = null, tags = [], durationMs = 0 } = this.#result ?? {};
    const jittered = withJitter(expirationInSeconds, options.jitter, this.#effects.random);
    const fillOptions: FillOptions = {
      expirationInSeconds: jittered,
      tags,
      staleInSeconds: options.staleInSeconds,
      loadDurationMs: durationMs,
    };
    if (this.#result !== undefined && jittered !== expirationInSeconds)
      this.#result = { ...this.#result, expirationInSeconds: jittered };
    this.#mark('fill');
    this.#effects.store.fill(lease, value as NonNullable<V> | Absent, fillOptions).then(
      (isStored) => {
        this.#effects.onFill(isStored);
        this.#effects.deal(() => this.#dispatch({ type: 'filled', isStored }));
      },
      (error: unknown) => {
        this.#effects.onStoreError('fill', error);
        this.#dispatch({ type: 'fillFailed' });
      },
    );
  }

  #keepUnstored({ value, isStored, tags, expirationInSeconds }: LoadResult<V>): void {
    if (!this.#isWithoutStore || !isStored || value === ABSENT) return;
    this.#effects.installUnstored(this.#inFlight, {
      value: value as V,
      tags,
      remainingInSeconds: expirationInSeconds,
      isAsStored: false,
      sentAtMs: this.#sentAtMs,
    });
  }

  #installLoaded(value: V): void {
    if (this.#result === undefined) return;
    const { expirationInSeconds, tags, durationMs } = this.#result;
    this.#install({ value, tags, remainingInSeconds: expirationInSeconds, isAsStored: false }, durationMs);
  }

  #install(item: Omit<Installable<V>, 'sentAtMs'>, loadDurationMs: number | undefined): void {
    const { value, tags, isAsStored } = item;
    const early = earlyWindowInSeconds(loadDurationMs, this.#request.options.earlyExpiration);
    const remainingInSeconds = item.remainingInSeconds === null ? null : item.remainingInSeconds - early;
    this.#effects.install(this.#inFlight, { value, tags, isAsStored, remainingInSeconds, sentAtMs: this.#sentAtMs });
  }

  #mark(proof: AnswerProof): void {
    const turn = this.#effects.turns.next();
    if (proof === 'request') this.#requestTurn = turn;
    else if (proof === 'load') this.#loadTurn = turn;
    else this.#fillTurn = turn;
    this.#sentAtMs = this.#effects.timers.now();
  }

  #turnOf(proof: AnswerProof): number {
    if (proof === 'request') return this.#requestTurn;
    return proof === 'load' ? this.#loadTurn : this.#fillTurn;
  }

  #after(delayMs: number, event: LoadEvent<V>): void {
    const cancels = this.#cancels ?? new Set();
    this.#cancels = cancels;
    const cancel = this.#effects.timers.after(delayMs, () => {
      cancels.delete(cancel);
      this.#dispatch(event);
    });
    cancels.add(cancel);
  }

  #finish(): void {
    if (this.#cancels !== undefined) for (const cancel of this.#cancels) cancel();
    this.#effects.fence.end(this.#inFlight);
    this.#effects.onFinish(this);
    this.#onEnd?.();
  }
}

function policyOf<V>({ options, isForced }: FlightRequest<V>, random: () => number): LoadPolicy<V> {
  const stale = stalePolicy(options, isForced);
  if (isForced || options.earlyExpiration <= 0) return NEVER_EARLY[stale];
  return { stale, isEarly: (entry) => isEarly(entry, options.earlyExpiration, random) };
}

const NEVER_EARLY: { readonly [Stale in LoadPolicy<unknown>['stale']]: LoadPolicy<unknown> } = {
  atOnce: { stale: 'atOnce', isEarly: never },
  afterSoftTimeout: { stale: 'afterSoftTimeout', isEarly: never },
  onError: { stale: 'onError', isEarly: never },
  never: { stale: 'never', isEarly: never },
};

function never(): boolean {
  return false;
}

function noop(): void {}
