import type { Expiration } from '@cache/core';
import { grantsLeases, leasedLoad } from './leased-load.ts';
import type { ReadThrough } from './read-through.ts';
import { readsThrough, stackLoad } from './stack-load.ts';

/** A way to read through a cache that loads once and stores nothing that was invalidated meanwhile. */
export interface CoherentLoad {
  /** What it is called, for people to read. */
  readonly label: string;
  readonly readThrough: ReadThrough;
}

/** The best way that a cache offers: its own read-through, or a load under its leases; `undefined` if it has neither. */
export function coherentLoad(
  cache: object,
  options: { readonly expirationInSeconds: Expiration },
): CoherentLoad | undefined {
  if (readsThrough(cache)) return { label: 'getOrSet', readThrough: stackLoad(cache, options) };
  if (grantsLeases(cache)) return { label: 'under a lease', readThrough: leasedLoad(cache, options) };
  return undefined;
}
