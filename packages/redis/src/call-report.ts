import type { CacheEntry, CacheOperation, CacheOutcome, HookDispatcher } from '@cache/core';

/** Tells the hooks what a call did to its keys, and how it ended as a whole. */
export type CallReport<T> = (answer: T, hooks: HookDispatcher, durationMs: number) => CacheOutcome;

/** For calls that do nothing to a key that hooks hear of. */
export const done: CallReport<unknown> = () => 'done';

/** For calls that say whether they did something. */
export const isTrue = (answer: unknown): boolean => answer === true;
/** For calls that always do something. */
export const always = (): boolean => true;

/** Reports one key's event if the call did something to it. */
export function keyed<T>(
  operation: CacheOperation,
  event: 'set' | 'remove',
  key: string,
  hasHappened: (answer: T) => boolean,
): CallReport<T> {
  return (answer, hooks, durationMs) => {
    if (hasHappened(answer)) hooks[event](operation, key, durationMs);
    return 'done';
  };
}

/** Reports a read of one key. */
export function oneRead(operation: CacheOperation, key: string): CallReport<unknown> {
  return (value, hooks, durationMs) => {
    if (value === undefined) hooks.miss(operation, key, durationMs);
    else hooks.hit(operation, key, durationMs);
    return value === undefined ? 'miss' : 'hit';
  };
}

/** A negative entry is a hit: it saves the load. A stale copy does not. */
export function reportEntry(
  operation: CacheOperation,
  key: string,
  state: CacheEntry<unknown>['state'] | undefined,
  hooks: HookDispatcher,
  durationMs: number,
): CacheOutcome {
  const isHit = state === 'fresh' || state === 'absent';
  if (isHit) hooks.hit(operation, key, durationMs);
  else hooks.miss(operation, key, durationMs);
  if (isHit) return 'hit';
  return state === 'stale' ? 'stale' : 'miss';
}
