import type { AsyncCache, AtomicCache } from '@cache/core';

/** A limiter in two steps, kept as a control: it counts, and gives the counter its lifetime afterwards. */
export async function countThenExpire(
  cache: AtomicCache,
  key: string,
  windowInSeconds: number,
  betweenSteps: () => Promise<void> = async () => {},
): Promise<number> {
  const count = await cache.increment(key, 1, { expirationInSeconds: null });
  await betweenSteps();
  if (count === 1) await cache.setTtlIfEquals(key, count, windowInSeconds);
  return count;
}

/** Another control: it reads, and writes what it read plus one. */
export async function readThenWrite(cache: AsyncCache, key: string, windowInSeconds: number): Promise<number> {
  const count = ((await cache.get<number>(key)) ?? 0) + 1;
  await cache.set(key, count, windowInSeconds);
  return count;
}
