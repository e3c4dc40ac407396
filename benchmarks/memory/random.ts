/** A small seeded generator (mulberry32), so that every run and every contestant sees the same workload. */
export function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** `length` numbers below `universe`, the popular ones scattered: number of rank r comes in proportion to 1 / r^exponent. */
export function zipf(length: number, universe: number, exponent: number, random: () => number): Int32Array {
  const cumulative = new Float64Array(universe);
  let sum = 0;
  for (let rank = 0; rank < universe; rank++) {
    sum += 1 / (rank + 1) ** exponent;
    cumulative[rank] = sum;
  }
  const scattered = Int32Array.from({ length: universe }, (_, i) => i);
  for (let i = universe - 1; i > 0; i--) {
    const other = Math.floor(random() * (i + 1));
    [scattered[i], scattered[other]] = [scattered[other] as number, scattered[i] as number];
  }
  return Int32Array.from({ length }, () => {
    const at = random() * sum;
    let low = 0;
    let high = universe - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((cumulative[middle] as number) < at) low = middle + 1;
      else high = middle;
    }
    return scattered[low] as number;
  });
}

/** Keys as they come off a socket: flat strings that no other string shares. */
export function flatKeys(count: number): string[] {
  return Array.from({ length: count }, (_, i) => Buffer.from(`user:profile:${i}`).toString('latin1'));
}
