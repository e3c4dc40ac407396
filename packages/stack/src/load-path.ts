import { ABSENT, type Absent, type CacheEntry, type Lease } from '@cache/core';

/** Where one key's load stands. */
export type LoadPhase = 'reading' | 'leasing' | 'waiting' | 'loading' | 'filling' | 'done';

/** Where an answer came from. */
export type AnswerSource = 'l1' | 'l2' | 'stale' | 'loader';

/** What callers get. */
export type LoadAnswer<V> =
  | {
      readonly kind: 'value';
      readonly value: V;
      readonly source: AnswerSource;
      readonly ageInSeconds: number | undefined;
    }
  | { readonly kind: 'absent' }
  | { readonly kind: 'error'; readonly error: unknown };

/** What a loader came up with, and how it wants it kept. */
export interface LoadedValue<V> {
  readonly value: V | Absent;
  /** False if the loader said `skip()`, or there is nothing worth storing. */
  readonly isStored: boolean;
}

/** What happened. */
export type LoadEvent<V> =
  | { readonly type: 'start' }
  | { readonly type: 'entry'; readonly entry: CacheEntry<V>; readonly recentError?: { readonly error: unknown } }
  | { readonly type: 'storeFailed' }
  | { readonly type: 'pollDue' }
  | { readonly type: 'lockTimeout' }
  | { readonly type: 'softTimeout' }
  | { readonly type: 'loaded'; readonly loaded: LoadedValue<V> }
  | { readonly type: 'loadFailed'; readonly error: unknown }
  | { readonly type: 'filled'; readonly isStored: boolean }
  | { readonly type: 'fillFailed' };

/** What is to be done about it, in this order. */
export type LoadEffect<V> =
  | { readonly do: 'read' }
  | { readonly do: 'lease'; readonly evenIfFresh: boolean }
  | { readonly do: 'startLockTimer' }
  | { readonly do: 'startSoftTimer' }
  | { readonly do: 'poll'; readonly attempt: number }
  | { readonly do: 'load'; readonly lease: Lease | undefined; readonly stale: V | undefined }
  | { readonly do: 'fill'; readonly lease: Lease; readonly value: V | Absent }
  | { readonly do: 'release'; readonly lease: Lease }
  | { readonly do: 'install'; readonly entry: Extract<CacheEntry<V>, { state: 'fresh' }> }
  | { readonly do: 'installLoaded'; readonly value: V }
  | { readonly do: 'answer'; readonly answer: LoadAnswer<V> }
  | { readonly do: 'finish' };

/** How this load is to be carried out. */
export interface LoadPolicy<V> {
  /** `'serve'`: a stale copy may answer. `'onError'`: only if the loader fails. */
  readonly stale: 'serve' | 'onError' | 'never';
  /** True if a stale copy answers without waiting for the load at all. */
  readonly answersStaleAtOnce: boolean;
  /** True if this fresh entry is to be loaded anew before it expires. */
  isEarly(entry: Extract<CacheEntry<V>, { state: 'fresh' }>): boolean;
}

/** The state between two events. */
export interface LoadState<V> {
  readonly phase: LoadPhase;
  readonly lease: Lease | undefined;
  readonly stale: { readonly value: V } | undefined;
  readonly loaded: V | Absent | undefined;
  readonly isAnswered: boolean;
  readonly isRefreshing: boolean;
  readonly mustNotWait: boolean;
  readonly pollAttempt: number;
}

/** One step: the next state, and what to do. */
export type LoadStep<V> = readonly [LoadState<V>, readonly LoadEffect<V>[]];

/**
 * The load path of one key in one process, as a pure function: read, take the lease, load, fill, answer.
 *
 * Invariants, which the exhaustive test explores over every order of events:
 * - a value is stored only by `fill` under a lease that was granted before its load began;
 * - a loaded value is kept locally only after `fill` said that it was stored;
 * - there is exactly one answer, and exactly one `finish`, whatever fails;
 * - a lease that was granted is filled or released, or its holder is dead.
 */
export function advance<V>(state: LoadState<V>, event: LoadEvent<V>, policy: LoadPolicy<V>): LoadStep<V> {
  switch (event.type) {
    case 'start':
      return [state, [{ do: 'read' }]];
    case 'entry':
      return state.phase === 'reading' ? afterRead(state, event, policy) : afterLease(state, event.entry, policy);
    case 'storeFailed':
      return state.isRefreshing ? finish(state) : load(state, undefined);
    case 'pollDue':
      return state.phase === 'waiting'
        ? [{ ...state, phase: 'leasing' }, [{ do: 'lease', evenIfFresh: false }]]
        : unchanged(state);
    case 'lockTimeout':
      return state.phase === 'waiting' ? load(state, undefined) : unchanged({ ...state, mustNotWait: true });
    case 'softTimeout':
      return state.phase === 'loading' || state.phase === 'filling' ? answerStale(state) : unchanged(state);
    case 'loaded':
      return afterLoad(state, event.loaded);
    case 'loadFailed':
      return afterFailure(state, event.error, policy);
    case 'filled':
      return afterFill(state, event.isStored);
    case 'fillFailed':
      return afterFailedFill(state);
  }
}

/** Before anything has happened. */
export function initialLoadState<V>(): LoadState<V> {
  return {
    phase: 'reading',
    lease: undefined,
    stale: undefined,
    loaded: undefined,
    isAnswered: false,
    isRefreshing: false,
    mustNotWait: false,
    pollAttempt: 0,
  };
}

function afterRead<V>(
  state: LoadState<V>,
  { entry, recentError }: Extract<LoadEvent<V>, { type: 'entry' }>,
  policy: LoadPolicy<V>,
): LoadStep<V> {
  if (entry.state === 'fresh' && policy.isEarly(entry)) return refreshEarly(state, entry);
  if (entry.state === 'fresh' || entry.state === 'absent') return answerEntry(state, entry);
  if (recentError !== undefined) return answerRecentError(state, entry, recentError.error, policy);
  return [{ ...state, phase: 'leasing' }, [{ do: 'lease', evenIfFresh: false }]];
}

function afterLease<V>(state: LoadState<V>, entry: CacheEntry<V>, policy: LoadPolicy<V>): LoadStep<V> {
  switch (entry.state) {
    case 'fresh':
      if (state.isRefreshing) return entry.lease === undefined ? finish(state) : load(state, entry.lease);
      return answerEntry(state, entry);
    case 'absent':
      return state.isRefreshing ? finish(state) : answerEntry(state, entry);
    case 'stale':
      return afterStale(
        policy.stale === 'never' ? state : { ...state, stale: { value: entry.value } },
        entry.lease,
        policy,
      );
    case 'missing':
      if (entry.lease !== undefined) return load(state, entry.lease);
      return state.isRefreshing ? finish(state) : wait(state);
  }
}

function afterStale<V>(state: LoadState<V>, lease: Lease | undefined, policy: LoadPolicy<V>): LoadStep<V> {
  if (lease === undefined) {
    if (state.isRefreshing) return finish(state);
    return policy.stale === 'serve' ? then(answerStale(state), finish) : wait(state);
  }
  const [loading, effects] = load(state, lease);
  if (policy.stale !== 'serve') return [loading, effects];
  if (policy.answersStaleAtOnce) {
    const [answered, answers] = answerStale(loading);
    return [answered, [...answers, ...effects]];
  }
  return [loading, [...effects, { do: 'startSoftTimer' }]];
}

function refreshEarly<V>(state: LoadState<V>, entry: Extract<CacheEntry<V>, { state: 'fresh' }>): LoadStep<V> {
  const [answered, effects] = answer(state, fromEntry(entry));
  return [{ ...answered, phase: 'leasing', isRefreshing: true }, [...effects, { do: 'lease', evenIfFresh: true }]];
}

function wait<V>(state: LoadState<V>): LoadStep<V> {
  if (state.mustNotWait) return load(state, undefined);
  const attempt = state.pollAttempt;
  const poll: LoadEffect<V> = { do: 'poll', attempt };
  const next: LoadState<V> = { ...state, phase: 'waiting', pollAttempt: attempt + 1 };
  return [next, attempt === 0 ? [{ do: 'startLockTimer' }, poll] : [poll]];
}

function load<V>(state: LoadState<V>, lease: Lease | undefined): LoadStep<V> {
  return [{ ...state, phase: 'loading', lease }, [{ do: 'load', lease, stale: state.stale?.value }]];
}

function afterLoad<V>(state: LoadState<V>, { value, isStored }: LoadedValue<V>): LoadStep<V> {
  if (state.lease !== undefined && isStored) {
    return [{ ...state, phase: 'filling', loaded: value }, [{ do: 'fill', lease: state.lease, value }]];
  }
  const release: readonly LoadEffect<V>[] = state.lease === undefined ? [] : [{ do: 'release', lease: state.lease }];
  return then([{ ...state, lease: undefined, loaded: value }, release], answerLoaded, finish);
}

function afterFailure<V>(state: LoadState<V>, error: unknown, policy: LoadPolicy<V>): LoadStep<V> {
  const release: readonly LoadEffect<V>[] = state.lease === undefined ? [] : [{ do: 'release', lease: state.lease }];
  const released: LoadStep<V> = [{ ...state, lease: undefined }, release];
  if (state.stale !== undefined && policy.stale !== 'never') return then(released, answerStale, finish);
  return then(released, (current) => answer(current, { kind: 'error', error }), finish);
}

function afterFill<V>(state: LoadState<V>, isStored: boolean): LoadStep<V> {
  const { loaded } = state;
  const install: readonly LoadEffect<V>[] =
    isStored && loaded !== undefined && loaded !== ABSENT ? [{ do: 'installLoaded', value: loaded as V }] : [];
  return then([{ ...state, lease: undefined }, install], answerLoaded, finish);
}

/** The lease would keep others waiting for a value that never comes. */
function afterFailedFill<V>(state: LoadState<V>): LoadStep<V> {
  const release: readonly LoadEffect<V>[] = state.lease === undefined ? [] : [{ do: 'release', lease: state.lease }];
  return then([{ ...state, lease: undefined }, release], answerLoaded, finish);
}

function answerRecentError<V>(
  state: LoadState<V>,
  entry: Extract<CacheEntry<V>, { state: 'stale' | 'missing' }>,
  error: unknown,
  policy: LoadPolicy<V>,
): LoadStep<V> {
  if (entry.state === 'stale' && policy.stale !== 'never') {
    return then(answerStale({ ...state, stale: { value: entry.value } }), finish);
  }
  return then(answer(state, { kind: 'error', error }), finish);
}

function answerEntry<V>(
  state: LoadState<V>,
  entry: Extract<CacheEntry<V>, { state: 'fresh' | 'absent' }>,
): LoadStep<V> {
  const install: readonly LoadEffect<V>[] = entry.state === 'fresh' ? [{ do: 'install', entry }] : [];
  return then([state, install], (current) => answer(current, fromEntry(entry)), finish);
}

function fromEntry<V>(entry: Extract<CacheEntry<V>, { state: 'fresh' | 'absent' }>): LoadAnswer<V> {
  if (entry.state === 'absent') return { kind: 'absent' };
  return { kind: 'value', value: entry.value, source: 'l2', ageInSeconds: entry.ageInSeconds };
}

function answerLoaded<V>(state: LoadState<V>): LoadStep<V> {
  const { loaded } = state;
  if (loaded === ABSENT || loaded === undefined) return answer(state, { kind: 'absent' });
  return answer(state, { kind: 'value', value: loaded as V, source: 'loader', ageInSeconds: 0 });
}

function answerStale<V>(state: LoadState<V>): LoadStep<V> {
  if (state.stale === undefined) return unchanged(state);
  return answer(state, { kind: 'value', value: state.stale.value, source: 'stale', ageInSeconds: undefined });
}

function answer<V>(state: LoadState<V>, given: LoadAnswer<V>): LoadStep<V> {
  if (state.isAnswered) return unchanged(state);
  return [{ ...state, isAnswered: true }, [{ do: 'answer', answer: given }]];
}

function finish<V>(state: LoadState<V>): LoadStep<V> {
  return [{ ...state, phase: 'done' }, [{ do: 'finish' }]];
}

function unchanged<V>(state: LoadState<V>): LoadStep<V> {
  return [state, []];
}

function then<V>(first: LoadStep<V>, ...next: readonly ((state: LoadState<V>) => LoadStep<V>)[]): LoadStep<V> {
  return next.reduce<LoadStep<V>>(([state, effects], step) => {
    const [following, more] = step(state);
    return [following, [...effects, ...more]];
  }, first);
}
