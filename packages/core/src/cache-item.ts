/** A value with its end of life, as `inspect` shows it. */
export interface CacheItem<V = unknown> {
  readonly value: V;
  /** Unix time in seconds, possibly with a fraction, at which the item expires; `null` for never. */
  readonly expiresAt: number | null;
}

/**
 * True if the item has not expired. An item lives until just before `expiresAt`.
 *
 * @param nowInSeconds Unix time in seconds; this computer's clock if not given
 */
export function isCacheItemValid(item: CacheItem | undefined, nowInSeconds: number = Date.now() / 1000): boolean {
  return item !== undefined && (item.expiresAt === null || item.expiresAt > nowInSeconds);
}
