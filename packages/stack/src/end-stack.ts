import { CacheClosedError, type CacheOperation } from '@cache/core';
import type { BusTeller } from './bus-teller.ts';
import { counted } from './counted.ts';
import type { GuardedLevel } from './guarded-level.ts';
import type { Loads } from './loads.ts';

const DEFAULT_DRAIN_WITHIN_MS = 500;

/** How a stack ends. */
export interface CloseOptions {
  /**
   * How long to wait for the writes under way and to try to carry out the invalidations that are queued, in milliseconds; then
   * the bus may take as long for what it was not told. What is left is told to `onError`.
   * @default 500
   */
  readonly drainWithinMs?: number;
}

/** What there is to end in a stack. */
export interface EndingParts<V> {
  readonly loads: Loads<V>;
  readonly guard: GuardedLevel<V> | undefined;
  readonly teller: BusTeller | undefined;
  /** Told what will not be done any more. */
  readonly onLost: (message: string) => void;
}

/** Ends loads under way, carries out what is queued, and tells the bus what it was not told, each within its time. */
export async function endStack<V>(
  { loads, guard, teller, onLost }: EndingParts<V>,
  { drainWithinMs = DEFAULT_DRAIN_WITHIN_MS }: CloseOptions,
): Promise<void> {
  const [queued] = await Promise.all([guard?.close(drainWithinMs) ?? 0, loads.close(closedError('getOrSet'))]);
  // Last: what was carried out just now is to be told too.
  const untold = (await teller?.close(drainWithinMs)) ?? 0;
  if (queued > 0)
    onLost(
      `${counted(queued, 'queued invalidation')} ${queued === 1 ? 'was' : 'were'} not carried out before the cache was closed.`,
    );
  if (untold > 0)
    onLost(
      `${counted(untold, 'invalidation')} ${untold === 1 ? 'was' : 'were'} not told to the bus before the cache was closed.`,
    );
}

/** The error of a call on a cache that has ended. */
export function closedError(operation: CacheOperation): CacheClosedError {
  return new CacheClosedError('The cache is closed.', { operation, backend: 'stack' });
}
