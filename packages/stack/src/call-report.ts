import type { CacheEntry, CacheLevel, CacheOperation, CacheOutcome, HookDispatcher } from '@cache/core';
import type { LoadAnswer } from './load-path.ts';

/** How a call ended, and which level answered it, if one did. */
interface CallEnd {
  readonly outcome: CacheOutcome;
  readonly level: CacheLevel | undefined;
}

/** What a read found, and in which level. */
export interface Found<V> {
  readonly value: V | undefined;
  readonly level: CacheLevel | undefined;
}

/** Tells the hooks what one call did, and how it ended. */
export type CallReport<T> = (answer: T, hooks: HookDispatcher, durationMs: number) => CacheOutcome | CallEnd;

/** A call of which there is nothing to tell but that it ended. */
export const done: CallReport<unknown> = () => 'done';

/** A read of a value. */
export function foundReport(operation: CacheOperation, key: string): CallReport<Found<unknown>> {
  return ({ value, level }, hooks, durationMs) => {
    if (value === undefined) hooks.miss(operation, key, durationMs);
    else hooks.hit(operation, key, durationMs, undefined, level);
    return { outcome: value === undefined ? 'miss' : 'hit', level };
  };
}

/** A read of what stands behind a key. */
export function entryReport(operation: CacheOperation, key: string): CallReport<CacheEntry<unknown> | undefined> {
  return (entry, hooks, durationMs) => {
    const isHit = entry?.state === 'fresh' || entry?.state === 'absent';
    if (isHit) hooks.hit(operation, key, durationMs);
    else hooks.miss(operation, key, durationMs);
    return isHit ? 'hit' : entry?.state === 'stale' ? 'stale' : 'miss';
  };
}

/** A call that stored a value. */
export function storedReport(operation: CacheOperation, key: string): CallReport<unknown> {
  return (_, hooks, durationMs) => {
    hooks.set(operation, key, durationMs);
    return 'done';
  };
}

/** A call that may have removed an item. */
export function removedReport(operation: CacheOperation, key: string): CallReport<boolean> {
  return (isRemoved, hooks, durationMs) => {
    if (isRemoved) hooks.remove(operation, key, durationMs);
    return 'done';
  };
}

/** A read-through. A loader's failure is neither hit nor miss. */
export function answerReport(operation: CacheOperation, key: string): CallReport<LoadAnswer<unknown>> {
  return (answer, hooks, durationMs) => {
    if (answer.kind === 'error') return 'error';
    const source = answer.kind === 'value' ? answer.source : 'loader';
    const level = source === 'l1' || source === 'l2' ? source : undefined;
    if (source === 'loader') hooks.miss(operation, key, durationMs);
    else hooks.hit(operation, key, durationMs, undefined, level);
    return { outcome: source === 'loader' ? 'miss' : source === 'stale' ? 'stale' : 'hit', level };
  };
}
