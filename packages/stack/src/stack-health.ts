import type { InvalidationBus } from '@cache/core';
import type { BreakerState } from './circuit-breaker.ts';

/** How a cache is, at a glance. */
export interface StackHealth {
  /**
   * `ok`: everything answers. `degraded`: reads are answered, some of them by the loader although they need not be.
   * `down`: every read is the loader's, or the cache is closed.
   */
  readonly status: 'ok' | 'degraded' | 'down';
  /** `none` without a second level, or without a breaker in front of it. */
  readonly breaker: BreakerState | 'none';
  /** How long the second level took to answer, in milliseconds; `undefined` if there is none, or it did not. */
  readonly l2LatencyMs: number | undefined;
  /** How many invalidations wait to be carried out before the second level is read again. */
  readonly queuedInvalidations: number;
  /** `silent`: not heard within `maxL1StalenessInSeconds`, so the first level does not answer. */
  readonly bus: 'live' | 'silent' | 'none';
}

/** What a summary is made of. */
export interface HealthFacts {
  readonly isClosed: boolean;
  readonly hasL1: boolean;
  readonly hasL2: boolean;
  readonly breaker: BreakerState | 'none';
  readonly l2LatencyMs: number | undefined;
  readonly queuedInvalidations: number;
  readonly bus: StackHealth['bus'];
}

/** The facts, summed up. */
export function healthOf({ isClosed, hasL1, hasL2, ...facts }: HealthFacts): StackHealth {
  const isL2Out = hasL2 && facts.l2LatencyMs === undefined;
  const isDown = isClosed || (isL2Out && !hasL1);
  const isDegraded = isL2Out || facts.bus === 'silent' || facts.queuedInvalidations > 0;
  return { status: isDown ? 'down' : isDegraded ? 'degraded' : 'ok', ...facts };
}

/**
 * Whether a bus was heard within the bound. One that says nothing and one that stands still are the same: what they know
 * grows old.
 */
export function busHealth(bus: InvalidationBus | undefined, nowMs: number, boundMs: number): StackHealth['bus'] {
  if (bus === undefined) return 'none';
  const { liveAtMs } = bus;
  return liveAtMs !== undefined && nowMs - liveAtMs <= boundMs ? 'live' : 'silent';
}
