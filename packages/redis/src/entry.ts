import type { CacheEntry, Lease } from '@cache/core';
import { decodeTags, type Frame } from './frame.ts';
import { type FrameState, remainingInSeconds } from './frame-state.ts';

/** Something read, on its way to become an entry. */
export interface ReadEntry {
  /** The decoded value, if there is one. */
  readonly value: unknown;
  /** `undefined` for a plain value. */
  readonly frame: Frame | undefined;
  readonly state: FrameState | undefined;
  readonly nowMs: number;
  readonly ttlMs: number;
  readonly lease?: Lease;
}

/** The entry that the application is given. */
export function entryOf({ value, frame, state, nowMs, ttlMs, lease }: ReadEntry): CacheEntry<unknown> {
  const leased = lease === undefined ? {} : { lease };
  if (frame === undefined || state === undefined) {
    const remaining = ttlMs < 0 ? null : ttlMs / 1000;
    return {
      state: 'fresh',
      value,
      ageInSeconds: undefined,
      remainingInSeconds: remaining,
      loadDurationMs: undefined,
      tags: [],
    };
  }
  switch (state.kind) {
    case 'fresh':
      return {
        state: 'fresh',
        value,
        ageInSeconds: frame.storedAtMs === 0 ? undefined : (nowMs - frame.storedAtMs) / 1000,
        remainingInSeconds: remainingInSeconds(frame, nowMs, ttlMs),
        loadDurationMs: frame.loadDurationMs === 0 ? undefined : frame.loadDurationMs,
        tags: decodeTags(frame.tagsText) ?? [],
        ...leased,
      };
    case 'stale':
      return { state: 'stale', value, tags: decodeTags(frame.tagsText) ?? [], ...leased };
    case 'absent':
      return {
        state: 'absent',
        remainingInSeconds: remainingInSeconds(frame, nowMs, ttlMs),
        tags: decodeTags(frame.tagsText) ?? [],
      };
    default:
      return { state: 'missing', ...leased };
  }
}
