import { ABSENT, type Absent, type CacheEntry, type FreshEntry, type Lease } from '@cache/core';

/** Where one key's load stands. */
type LoadPhase = 'reading' | 'leasing' | 'waiting' | 'loading' | 'filling' | 'done';

/** Where an answer came from. */
export type AnswerSource = 'l1' | 'l2' | 'stale' | 'loader';

/**
 * The last moment of which the answer is known to have been true: when its request was sent, when its load began, or when
 * the store accepted it, which proves that nothing had invalidated it until then.
 */
export type AnswerProof = 'request' | 'load' | 'fill';

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
interface LoadedValue<V> {
  readonly value: V | Absent;
  /** False if the loader said `skip()`, or there is nothing worth storing. */
  readonly isStored: boolean;
}

/** The loader failed a moment ago, and is not to be called again yet. */
interface Backoff {
  readonly recentError?: { readonly error: unknown } | undefined;
}

/** What happened. */
export type LoadEvent<V> =
  | { readonly type: 'start'; readonly first: 'read' | 'lease' }
  | ({ readonly type: 'entry'; readonly entry: CacheEntry<V> } & Backoff)
  | ({ readonly type: 'storeFailed' } & Backoff)
  | { readonly type: 'pollDue' }
  | { readonly type: 'lockTimeout' }
  | { readonly type: 'softTimeout' }
  | { readonly type: 'loaded'; readonly loaded: LoadedValue<V> }
  | { readonly type: 'loadFailed'; readonly error: unknown }
  | { readonly type: 'filled'; readonly isStored: boolean }
  | { readonly type: 'fillFailed' }
  | { readonly type: 'closed'; readonly error: unknown };

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
  | { readonly do: 'backOff'; readonly lease: Lease }
  | { readonly do: 'install'; readonly entry: FreshEntry<V> }
  | { readonly do: 'installLoaded'; readonly value: V }
  | { readonly do: 'answer'; readonly answer: LoadAnswer<V>; readonly proof: AnswerProof }
  | { readonly do: 'finish' };

/** How this load is to be carried out. */
export interface LoadPolicy<V> {
  /** When a stale copy may answer: without waiting for the load, after the soft timeout, if the load fails, not at all. */
  readonly stale: 'atOnce' | 'afterSoftTimeout' | 'onError' | 'never';
  /** True if this fresh entry is to be loaded anew before it expires. */
  isEarly(entry: FreshEntry<V>): boolean;
}

/** The state between two events. */
export interface LoadState<V> {
  readonly phase: LoadPhase;
  readonly lease: Lease | undefined;
  readonly stale: { readonly value: V } | undefined;
  readonly loaded: V | Absent | undefined;
  readonly isAnswered: boolean;
  readonly mustNotWait: boolean;
  readonly pollAttempt: number;
}

/** One step: the next state, and what to do. */
export type LoadStep<V> = readonly [LoadState<V>, readonly LoadEffect<V>[]];

/**
 * The load path of one key in one process, as a pure function: read, take the lease, load, fill, answer. Where a miss is
 * likely, the lease is asked for at once: it answers as a read does, and saves a miss one round trip of three.
 *
 * Invariants, which the exhaustive test explores over every order of events:
 * - a value is stored only by `fill` under a lease that was granted before its load began;
 * - a loaded value is kept locally only after `fill` said that it was stored;
 * - there is exactly one answer, and exactly one `finish`, whatever fails;
 * - a lease that was granted is filled, released, or left to run out after the back-off.
 */
export function advance<V>(state: LoadState<V>, event: LoadEvent<V>, policy: LoadPolicy<V>): LoadStep<V> {
  switch (event.type) {
    case 'start':
      return event.first === 'lease' ? lease(state, false) : [state, [{ do: 'read' }]];
    case 'entry':
      return state.phase === 'reading' ? afterRead(state, event, policy) : afterLease(state, event.entry, policy);
    case 'storeFailed':
      return withoutStore(state, event, policy);
    case 'pollDue':
      return state.phase === 'waiting' ? lease(state, false) : unchanged(state);
    case 'lockTimeout':
      return state.phase === 'waiting' ? load(state, undefined, policy) : unchanged({ ...state, mustNotWait: true });
    case 'softTimeout':
      // What is loaded already, and only not stored yet, is better than the copy.
      if (state.phase === 'filling') return answerLoaded(state, 'load');
      return state.phase === 'loading' ? answerStale(state) : unchanged(state);
    case 'loaded':
      return afterLoad(state, event.loaded);
    case 'loadFailed':
      return afterFailure(state, event.error);
    case 'filled':
      return afterFill(state, event.isStored);
    case 'fillFailed':
      // The lease would keep others waiting for a value that never comes.
      return then(release(state), (current) => answerLoaded(current, 'load'), finish);
    case 'closed':
      return close(state, event.error);
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
    mustNotWait: false,
    pollAttempt: 0,
  };
}

function afterRead<V>(
  state: LoadState<V>,
  { entry, recentError }: Extract<LoadEvent<V>, { type: 'entry' }>,
  policy: LoadPolicy<V>,
): LoadStep<V> {
  if (entry.state === 'fresh' && recentError === undefined) return answerFresh(state, entry, policy);
  if (entry.state === 'fresh' || entry.state === 'absent') return answerEntry(state, entry);
  const known = withStaleOf(state, entry, policy);
  if (recentError !== undefined) return answerFailure(known, recentError.error);
  // The copy answers already here: one round trip, and the load is nobody's wait.
  if (known.stale !== undefined && policy.stale === 'atOnce') {
    return then(answerStale(known), (current) => lease(current, false));
  }
  return lease(known, false);
}

function afterLease<V>(state: LoadState<V>, entry: CacheEntry<V>, policy: LoadPolicy<V>): LoadStep<V> {
  if (state.isAnswered) {
    const granted = 'lease' in entry ? entry.lease : undefined;
    return granted === undefined ? finish(state) : load(withStaleOf(state, entry, policy), granted, policy);
  }
  switch (entry.state) {
    case 'fresh':
      return answerFresh(state, entry, policy);
    case 'absent':
      return answerEntry(state, entry);
    case 'stale':
    case 'missing': {
      const known = withStaleOf(state, entry, policy);
      const mayAnswerStale = policy.stale === 'atOnce' || policy.stale === 'afterSoftTimeout';
      if (entry.lease === undefined) {
        return known.stale !== undefined && mayAnswerStale ? then(answerStale(known), finish) : wait(known, policy);
      }
      if (policy.stale !== 'atOnce') return load(known, entry.lease, policy);
      return then(answerStale(known), (current) => load(current, entry.lease, policy));
    }
  }
}

/** What the store said last holds: a copy that was there at the read and is gone now was removed, and is not served. */
function withStaleOf<V>(state: LoadState<V>, entry: CacheEntry<V>, policy: LoadPolicy<V>): LoadState<V> {
  const isServable = entry.state === 'stale' && policy.stale !== 'never';
  if (!isServable && state.stale === undefined) return state;
  return { ...state, stale: isServable ? { value: entry.value } : undefined };
}

function withoutStore<V>(
  state: LoadState<V>,
  { recentError }: Extract<LoadEvent<V>, { type: 'storeFailed' }>,
  policy: LoadPolicy<V>,
): LoadStep<V> {
  if (state.isAnswered) return finish(state);
  return recentError === undefined ? load(state, undefined, policy) : answerFailure(state, recentError.error);
}

function lease<V>(state: LoadState<V>, evenIfFresh: boolean): LoadStep<V> {
  return [{ ...state, phase: 'leasing' }, [{ do: 'lease', evenIfFresh }]];
}

function wait<V>(state: LoadState<V>, policy: LoadPolicy<V>): LoadStep<V> {
  if (state.mustNotWait) return load(state, undefined, policy);
  const attempt = state.pollAttempt;
  const poll: LoadEffect<V> = { do: 'poll', attempt };
  const next: LoadState<V> = { ...state, phase: 'waiting', pollAttempt: attempt + 1 };
  return [next, attempt === 0 ? [{ do: 'startLockTimer' }, poll] : [poll]];
}

function load<V>(state: LoadState<V>, granted: Lease | undefined, policy: LoadPolicy<V>): LoadStep<V> {
  const start: LoadEffect<V> = { do: 'load', lease: granted, stale: state.stale?.value };
  const needsTimer = state.stale !== undefined && policy.stale === 'afterSoftTimeout' && !state.isAnswered;
  return [{ ...state, phase: 'loading', lease: granted }, needsTimer ? [{ do: 'startSoftTimer' }, start] : [start]];
}

function afterLoad<V>(state: LoadState<V>, { value, isStored }: LoadedValue<V>): LoadStep<V> {
  const loaded: LoadState<V> = { ...state, loaded: value };
  if (state.lease !== undefined && isStored) {
    return [{ ...loaded, phase: 'filling' }, [{ do: 'fill', lease: state.lease, value }]];
  }
  return then(release(loaded), (current) => answerLoaded(current, 'load'), finish);
}

function afterFailure<V>(state: LoadState<V>, error: unknown): LoadStep<V> {
  // With a copy that all can serve, the lease itself keeps every process from trying again until the back-off is over.
  const handed: LoadStep<V> =
    state.stale !== undefined && state.lease !== undefined
      ? [{ ...state, lease: undefined }, [{ do: 'backOff', lease: state.lease }]]
      : release(state);
  return then(handed, (current) => answerFailure(current, error));
}

function answerFailure<V>(state: LoadState<V>, error: unknown): LoadStep<V> {
  if (state.stale !== undefined) return then(answerStale(state), finish);
  return then(answer(state, { kind: 'error', error }, 'load'), finish);
}

function afterFill<V>(state: LoadState<V>, isStored: boolean): LoadStep<V> {
  const { loaded } = state;
  const install: LoadEffect<V> | undefined =
    isStored && loaded !== undefined && loaded !== ABSENT ? { do: 'installLoaded', value: loaded as V } : undefined;
  return answerAndFinish(state, install, loadedAnswer(state), isStored ? 'fill' : 'load');
}

function close<V>(state: LoadState<V>, error: unknown): LoadStep<V> {
  // A fill under way is let end: whether it is stored is known within the store's deadline.
  if (state.phase === 'filling') return unchanged(state);
  return then(release(state), (current) => answer(current, { kind: 'error', error }, 'load'), finish);
}

function release<V>(state: LoadState<V>): LoadStep<V> {
  if (state.lease === undefined) return unchanged(state);
  return [{ ...state, lease: undefined }, [{ do: 'release', lease: state.lease }]];
}

function answerFresh<V>(state: LoadState<V>, entry: FreshEntry<V>, policy: LoadPolicy<V>): LoadStep<V> {
  if (!policy.isEarly(entry)) return answerEntry(state, entry);
  return then(answer(state, fromEntry(entry), 'request'), (current) => lease(current, true));
}

function answerEntry<V>(
  state: LoadState<V>,
  entry: Extract<CacheEntry<V>, { state: 'fresh' | 'absent' }>,
): LoadStep<V> {
  const install: LoadEffect<V> | undefined = entry.state === 'fresh' ? { do: 'install', entry } : undefined;
  return answerAndFinish(state, install, fromEntry(entry), 'request');
}

function fromEntry<V>(entry: Extract<CacheEntry<V>, { state: 'fresh' | 'absent' }>): LoadAnswer<V> {
  if (entry.state === 'absent') return { kind: 'absent' };
  return { kind: 'value', value: entry.value, source: 'l2', ageInSeconds: entry.ageInSeconds };
}

function answerLoaded<V>(state: LoadState<V>, proof: AnswerProof): LoadStep<V> {
  return answer(state, loadedAnswer(state), proof);
}

function loadedAnswer<V>({ loaded }: LoadState<V>): LoadAnswer<V> {
  if (loaded === ABSENT || loaded === undefined) return { kind: 'absent' };
  return { kind: 'value', value: loaded as V, source: 'loader', ageInSeconds: 0 };
}

function answerStale<V>(state: LoadState<V>): LoadStep<V> {
  if (state.stale === undefined) return unchanged(state);
  const { value } = state.stale;
  return answer(state, { kind: 'value', value, source: 'stale', ageInSeconds: undefined }, 'request');
}

function answer<V>(state: LoadState<V>, given: LoadAnswer<V>, proof: AnswerProof): LoadStep<V> {
  if (state.isAnswered) return unchanged(state);
  return [{ ...state, isAnswered: true }, [{ do: 'answer', answer: given, proof }]];
}

/** How nearly every read ends, in one step. The lease, if there was one, is spent. */
function answerAndFinish<V>(
  state: LoadState<V>,
  first: LoadEffect<V> | undefined,
  given: LoadAnswer<V>,
  proof: AnswerProof,
): LoadStep<V> {
  const done: LoadState<V> = { ...state, phase: 'done', lease: undefined, isAnswered: true };
  if (state.isAnswered) return [done, first === undefined ? FINISH : [first, ...FINISH]];
  const answered: LoadEffect<V> = { do: 'answer', answer: given, proof };
  return [done, first === undefined ? [answered, ...FINISH] : [first, answered, FINISH[0]]];
}

const FINISH = [{ do: 'finish' }] as const;

function finish<V>(state: LoadState<V>): LoadStep<V> {
  return [{ ...state, phase: 'done' }, FINISH];
}

function unchanged<V>(state: LoadState<V>): LoadStep<V> {
  return [state, NO_EFFECTS];
}

const NO_EFFECTS: readonly never[] = [];

function then<V>(first: LoadStep<V>, ...next: readonly ((state: LoadState<V>) => LoadStep<V>)[]): LoadStep<V> {
  let [state, effects] = first;
  for (const step of next) {
    const [following, more] = step(state);
    state = following;
    // Most steps have one effect or none, and this runs for every key that is read.
    if (effects.length === 0) effects = more;
    else if (more.length > 0) effects = [...effects, ...more];
  }
  return [state, effects];
}
