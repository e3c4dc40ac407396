import { type Frame, NEVER_MS } from './frame.ts';
import type { TagVerdict } from './tag-view.ts';

/** What may be done with a frame at a moment. */
export interface FrameState {
  readonly kind: 'fresh' | 'stale' | 'absent' | 'missing';
  /** When it stopped being fresh, server time in ms; meaningful for a stale one. */
  readonly expiredAtMs: number;
}

const MISSING: FrameState = { kind: 'missing', expiredAtMs: 0 };

/**
 * The state of a frame at a server's time. A frame one of whose tags was expired is stale from then on, for as long as
 * its own stale window is.
 */
export function frameState(frame: Frame, nowMs: number, verdict: TagVerdict): FrameState {
  const { kind, freshUntilMs, staleUntilMs } = frame;
  if (kind === '-' || verdict.isDead) return MISSING;
  const isExpiredByTag = verdict.expiredAtMs !== undefined;
  const expiredAtMs = Math.min(freshUntilMs, verdict.expiredAtMs ?? freshUntilMs);
  if (!isExpiredByTag && nowMs < freshUntilMs) return { kind: kind === 'n' ? 'absent' : 'fresh', expiredAtMs };
  const staleWindowMs = staleUntilMs - freshUntilMs;
  const isServable = kind !== 'n' && staleWindowMs > 0 && nowMs < expiredAtMs + staleWindowMs;
  return isServable ? { kind: 'stale', expiredAtMs } : MISSING;
}

/** The seconds a fresh frame has left; `null` for never. */
export function remainingInSeconds(frame: Frame, nowMs: number, ttlMs: number): number | null {
  const { freshUntilMs } = frame;
  if (freshUntilMs < NEVER_MS) return (freshUntilMs - nowMs) / 1000;
  return ttlMs < 0 ? null : ttlMs / 1000;
}
