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

/** The items in a random order (Fisher and Yates). */
export function shuffled<T>(items: readonly T[], random: () => number): T[] {
  const order = [...items];
  for (let last = order.length - 1; last > 0; last -= 1) {
    const other = Math.floor(random() * (last + 1));
    [order[last], order[other]] = [order[other] as T, order[last] as T];
  }
  return order;
}

/**
 * Draws `count` times from `ranked`, of which the n-th item comes up 1/n as often as the first: Zipf's law, which requests
 * to web servers follow (Breslau et al., "Web Caching and Zipf-like Distributions", INFOCOM 1999).
 */
export function drawByPopularity<T>(ranked: readonly T[], count: number, random: () => number): T[] {
  let sum = 0;
  const cumulative = ranked.map((_, rank) => (sum += 1 / (rank + 1)));
  return Array.from({ length: count }, () => {
    const target = random() * sum;
    return ranked[cumulative.findIndex((weight) => weight > target)] as T;
  });
}
