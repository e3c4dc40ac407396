import type { CacheEntry, CacheOperation, CacheOutcome, HookDispatcher } from '@cache/core';
import type { PayloadSizes } from './payload-sizes.ts';

/** Tells the hooks what a call did to its keys, and how it ended as a whole. */
export type CallReport<T> = (answer: T, hooks: HookDispatcher, durationMs: number) => CacheOutcome;

/** For calls that do nothing to a key that hooks hear of. */
export const done: CallReport<unknown> = () => 'done';

/** Reports that one key was removed, if it was. */
export function oneRemoval(operation: CacheOperation, key: string): CallReport<boolean> {
  return (isRemoved, hooks, durationMs) => {
    if (isRemoved) hooks.remove(operation, key, durationMs);
    return 'done';
  };
}

/** Reports that one key was stored: calls that may store nothing answer `false` then. */
export function oneWrite(operation: CacheOperation, key: string, sizes: PayloadSizes | undefined): CallReport<unknown> {
  return (answer, hooks, durationMs) => {
    if (answer !== false) hooks.set(operation, key, durationMs, sizes?.at(0));
    return 'done';
  };
}

/** Reports that many keys were stored. */
export function manyWrites(
  operation: CacheOperation,
  keys: readonly string[],
  sizes: PayloadSizes | undefined,
): CallReport<unknown> {
  return (_answer, hooks, durationMs) => {
    for (const [index, key] of keys.entries()) hooks.set(operation, key, durationMs, sizes?.at(index));
    return 'done';
  };
}

/** Reports a read of one key. */
export function oneRead(operation: CacheOperation, key: string, sizes: PayloadSizes | undefined): CallReport<unknown> {
  return (value, hooks, durationMs) => reportRead(operation, key, value, sizes?.at(0), hooks, durationMs);
}

/** Reports a read of many keys. */
export function manyReads(
  operation: CacheOperation,
  keys: readonly string[],
  sizes: PayloadSizes | undefined,
): CallReport<readonly unknown[]> {
  return (values, hooks, durationMs) => {
    for (const [index, key] of keys.entries())
      reportRead(operation, key, values[index], sizes?.at(index), hooks, durationMs);
    return 'done';
  };
}

/** Reports the entry of one key. */
export function oneEntry(
  operation: CacheOperation,
  key: string,
  sizes: PayloadSizes | undefined,
): CallReport<CacheEntry<unknown>> {
  return (entry, hooks, durationMs) => reportEntry(operation, key, entry, sizes?.at(0), hooks, durationMs);
}

/** Reports the entries of many keys. */
export function manyEntries(
  operation: CacheOperation,
  keys: readonly string[],
  sizes: PayloadSizes | undefined,
): CallReport<readonly CacheEntry<unknown>[]> {
  return (entries, hooks, durationMs) => {
    for (const [index, key] of keys.entries())
      reportEntry(operation, key, entries[index], sizes?.at(index), hooks, durationMs);
    return 'done';
  };
}

function reportRead(
  operation: CacheOperation,
  key: string,
  value: unknown,
  payloadBytes: number | undefined,
  hooks: HookDispatcher,
  durationMs: number,
): CacheOutcome {
  if (value === undefined) hooks.miss(operation, key, durationMs);
  else hooks.hit(operation, key, durationMs, payloadBytes);
  return value === undefined ? 'miss' : 'hit';
}

/** A negative entry is a hit: it saves the load. A stale copy does not. */
function reportEntry(
  operation: CacheOperation,
  key: string,
  entry: CacheEntry<unknown> | undefined,
  payloadBytes: number | undefined,
  hooks: HookDispatcher,
  durationMs: number,
): CacheOutcome {
  const isHit = entry?.state === 'fresh' || entry?.state === 'absent';
  if (isHit) hooks.hit(operation, key, durationMs, payloadBytes);
  else hooks.miss(operation, key, durationMs);
  if (isHit) return 'hit';
  return entry?.state === 'stale' ? 'stale' : 'miss';
}
