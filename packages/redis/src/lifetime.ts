import type { Expiration } from '@cache/core';

/** A lifetime as Redis takes it: whole milliseconds, never fewer than asked for; `undefined` for never. */
export function lifetimeMs(expiration: Expiration): string | undefined {
  return expiration === null ? undefined : String(Math.ceil(expiration * 1000));
}
