import { type AsyncCache, toAsync } from '@cache/core';

/** What a third party might have: the five calls over a Map, lifetimes included, and nothing else. */
export function fiveMethodCache(): AsyncCache {
  const items = new Map<string, { readonly value: unknown; readonly untilMs: number }>();
  const live = (key: string): unknown => {
    const item = items.get(key);
    return item !== undefined && item.untilMs > performance.now() ? item.value : undefined;
  };
  return toAsync({
    get: <T>(key: string) => live(key) as T | undefined,
    set: (key: string, value: unknown, options?: unknown) => {
      const seconds = typeof options === 'object' && options !== null ? lifetimeIn(options) : options;
      const untilMs = typeof seconds === 'number' ? performance.now() + seconds * 1000 : Number.POSITIVE_INFINITY;
      items.set(key, { value, untilMs });
    },
    removeItem: (key: string) => {
      const wasLive = live(key) !== undefined;
      items.delete(key);
      return wasLive;
    },
    exists: (key: string) => live(key) !== undefined,
    clear: () => items.clear(),
  });
}

function lifetimeIn(options: object): unknown {
  return 'expirationInSeconds' in options ? options.expirationInSeconds : undefined;
}
