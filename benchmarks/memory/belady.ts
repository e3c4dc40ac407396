/** The hits of Bélády's optimum, which knows the future: it lets go what is asked for last (IBM Systems Journal 5(2), 1966). */
export function beladyHits(requests: Int32Array, capacity: number): number {
  const never = requests.length;
  const nextUse = new Int32Array(never);
  const upcoming = new Map<number, number>();
  for (let i = never - 1; i >= 0; i--) {
    const key = requests[i] as number;
    nextUse[i] = upcoming.get(key) ?? never;
    upcoming.set(key, i);
  }
  const heap = new FarthestFirst();
  const heldUntil = new Map<number, number>();
  let hits = 0;
  for (let i = 0; i < never; i++) {
    const key = requests[i] as number;
    if (heldUntil.has(key)) hits++;
    else if (heldUntil.size >= capacity) {
      // Entries of the heap whose key has been asked for since are out of date.
      for (;;) {
        const [use, farthest] = heap.pop();
        if (heldUntil.get(farthest) !== use) continue;
        heldUntil.delete(farthest);
        break;
      }
    }
    heldUntil.set(key, nextUse[i] as number);
    heap.push(nextUse[i] as number, key);
  }
  return hits;
}

/** A binary heap of keys, the one used last on top. */
class FarthestFirst {
  readonly #entries: [use: number, key: number][] = [];

  push(use: number, key: number): void {
    const entries = this.#entries;
    let at = entries.push([use, key]) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (this.#use(parent) >= this.#use(at)) return;
      this.#swap(at, parent);
      at = parent;
    }
  }

  pop(): [use: number, key: number] {
    const entries = this.#entries;
    this.#swap(0, entries.length - 1);
    const top = entries.pop() as [number, number];
    for (let at = 0; ; ) {
      let larger = 2 * at + 1;
      if (larger + 1 < entries.length && this.#use(larger + 1) > this.#use(larger)) larger++;
      if (larger >= entries.length || this.#use(at) >= this.#use(larger)) return top;
      this.#swap(at, larger);
      at = larger;
    }
  }

  #use(at: number): number {
    return (this.#entries[at] as [number, number])[0];
  }

  #swap(a: number, b: number): void {
    const entries = this.#entries;
    [entries[a], entries[b]] = [entries[b] as [number, number], entries[a] as [number, number]];
  }
}
