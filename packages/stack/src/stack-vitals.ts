import {
  CacheOptionError,
  CacheTimeoutError,
  CacheUnavailableError,
  type InvalidationBus,
  redactedCause,
  withDeadline,
} from '@cache/core';
import type { GuardedLevel } from './guarded-level.ts';
import type { SharedCache } from './levels.ts';
import { busHealth, healthOf, type StackHealth } from './stack-health.ts';
import { isCacheError, isLasting } from './store-error.ts';
import type { Timers } from './timers.ts';

/** What {@link StackVitals} looks at. */
export interface StackVitalsParts<V> {
  /** The second level as it was given. */
  readonly l2: SharedCache<V> | undefined;
  readonly hasL1: boolean;
  readonly guard: GuardedLevel<V> | undefined;
  readonly bus: InvalidationBus | undefined;
  readonly busBoundMs: number;
  readonly l2TimeoutMs: number;
  readonly timers: Timers;
}

/** Nobody stores anything here; a cache asks its server for it all the same. */
const PROBED_KEY = 'readiness-probe';

const POLL_MS = 50;

/** Looks at a stack's levels from outside. */
export class StackVitals<V> {
  readonly #parts: StackVitalsParts<V>;

  constructor(parts: StackVitalsParts<V>) {
    this.#parts = parts;
  }

  /** Settles within `l2TimeoutMs`, and does not ask a second level that is left alone. */
  async health(isClosed: boolean): Promise<StackHealth> {
    const { l2, hasL1, guard, bus, busBoundMs, timers } = this.#parts;
    const isAsked = !isClosed && l2 !== undefined && (guard === undefined || guard.state === 'closed');
    const l2LatencyMs = isAsked ? await this.#latencyMs(l2).catch(() => undefined) : undefined;
    return healthOf({
      isClosed,
      hasL1,
      hasL2: l2 !== undefined,
      breaker: guard?.state ?? 'none',
      l2LatencyMs,
      queuedInvalidations: guard?.queuedInvalidations ?? 0,
      bus: busHealth(bus, timers.now(), busBoundMs),
    });
  }

  /**
   * Fulfils when the second level has answered a read.
   *
   * @throws CacheOptionError at once for a time that is none, and if it refuses for a reason that waiting does not mend;
   * CacheUnavailableError after `timeoutMs`
   */
  async awaitL2(timeoutMs: number): Promise<void> {
    if (!(typeof timeoutMs === 'number' && timeoutMs >= 0)) {
      throw new CacheOptionError('timeoutMs is a number of at least 0.', { operation: 'ping', backend: 'stack' });
    }
    const { l2, timers } = this.#parts;
    if (l2 === undefined) return;
    const giveUpAtMs = timers.now() + timeoutMs;
    for (;;) {
      const leftMs = giveUpAtMs - timers.now();
      try {
        await this.#latencyMs(l2, Math.max(0, leftMs));
        return;
      } catch (error) {
        if (isLasting(error)) throw error;
        if (timers.now() >= giveUpAtMs) throw notReady(timeoutMs, error);
      }
      const pauseMs = Math.min(POLL_MS, Math.max(0, giveUpAtMs - timers.now()));
      await new Promise<void>((resume) => void timers.after(pauseMs, resume));
    }
  }

  async #latencyMs(l2: SharedCache<V>, withinMs: number = Number.POSITIVE_INFINITY): Promise<number> {
    const { timers, l2TimeoutMs } = this.#parts;
    const sentAtMs = timers.now();
    const asked = (async () => l2.exists(PROBED_KEY))();
    await withDeadline(
      asked,
      Math.min(l2TimeoutMs, withinMs),
      () => new CacheTimeoutError('The shared level did not answer.'),
    );
    return timers.now() - sentAtMs;
  }
}

function notReady(timeoutMs: number, error: unknown): CacheUnavailableError {
  return new CacheUnavailableError(`The shared level has not answered within ${timeoutMs} ms.`, {
    operation: 'ping',
    backend: 'stack',
    cause: isCacheError(error) ? error : redactedCause(error),
  });
}
