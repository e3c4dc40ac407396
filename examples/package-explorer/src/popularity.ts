/** Numbers from 0 to 1 that are the same in every run: mulberry32 (Tommy Ettinger, public domain). */
export function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * Draws `count` items of which the n-th most popular comes up 1/n as often as the first (Zipf's law, as requests to
 * web servers do: Breslau et al., "Web Caching and Zipf-like Distributions", INFOCOM 1999). Which item is popular is random.
 */
export function drawByPopularity<T>(items: readonly T[], count: number, random: () => number): T[] {
  const ranked = items
    .map((item) => ({ item, order: random() }))
    .sort((a, b) => a.order - b.order)
    .map(({ item }) => item);
  let sum = 0;
  const cumulative = ranked.map((_, rank) => (sum += 1 / (rank + 1)));
  return Array.from({ length: count }, () => {
    const target = random() * sum;
    const rank = cumulative.findIndex((weight) => weight > target);
    return ranked[rank] as T;
  });
}
