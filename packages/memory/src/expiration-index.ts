/** Slots per block and blocks per parent: 32 deadlines are four cache lines, so a visit costs about as much as a miss. */
const FANOUT_BITS = 5;
const FANOUT = 1 << FANOUT_BITS;

/**
 * When each slot expires, and which one has. A tree of lower bounds: `floors[0]` holds, per block of 32 slots, a time not later
 * than any deadline in it; each level above holds the same per 32 bounds, up to a single root.
 *
 * Invariant: a bound is never later than what it bounds. Setting a deadline lowers bounds where it must (usually none: a lifetime set
 * now ends after those set before), raising or dropping one leaves them as they are, and a search raises those it has
 * found too low. So a set costs one comparison; a search visits a block only if a deadline of that block has expired or was moved or
 * removed since the last visit, which pays for the visit: O(1) amortised, and exact: `take` finds an expired slot whenever there is one.
 */
export class ExpirationIndex {
  #deadlines: Float64Array = new Float64Array(0);
  /** `#floors[0]`, which every write looks at. */
  #blockFloors: Float64Array = new Float64Array(0);
  #floors: Float64Array[] = [];
  /** The root. Most reads need no more to know that their item lives. */
  #earliest: number = Number.POSITIVE_INFINITY;
  /** The number of the clock's reading at which no deadline had come, and none was set since that would have. Negative: none. */
  #calmReading = -1;

  /** Makes room for `capacity` slots; new ones have no deadline. */
  grow(capacity: number): void {
    const before = this.#deadlines;
    this.#deadlines = new Float64Array(capacity).fill(Number.POSITIVE_INFINITY);
    this.#deadlines.set(before);
    this.#floors = [];
    let below = this.#deadlines;
    do {
      const level = new Float64Array((below.length + FANOUT - 1) >> FANOUT_BITS);
      for (let block = 0; block < level.length; block++) level[block] = leastOf(below, block);
      this.#floors.push(level);
      below = level;
    } while (below.length > 1);
    this.#blockFloors = this.#floors[0] as Float64Array;
    this.#earliest = below[0] as number;
  }

  deadlineOf(slot: number): number {
    return this.#deadlines[slot] as number;
  }

  /**
   * The number of the reading at which nothing at all was due, if it is still so: for that reading, `isDueAtReading` need
   * not be asked again, which saves a hit two numbers that have their own places in memory.
   */
  get calmReading(): number {
    return this.#calmReading;
  }

  /** `isDue` at the reading of that number. */
  isDueAtReading(slot: number, now: number, readingNumber: number): boolean {
    if (this.#earliest <= now) return this.#isDueAlone(slot, now);
    this.#calmReading = readingNumber;
    return false;
  }

  /** Whether the slot's deadline has come. The root, or the block's bound, which is small enough to be cached, usually answers alone. */
  isDue(slot: number, now: number): boolean {
    return this.#earliest <= now && this.#isDueAlone(slot, now);
  }

  #isDueAlone(slot: number, now: number): boolean {
    return (this.#blockFloors[slot >> FANOUT_BITS] as number) <= now && (this.#deadlines[slot] as number) <= now;
  }

  schedule(slot: number, deadline: number): void {
    this.#deadlines[slot] = deadline;
    if (deadline < (this.#blockFloors[slot >> FANOUT_BITS] as number)) this.#lower(slot, deadline);
  }

  /** The slot is free or never expires. */
  unschedule(slot: number): void {
    this.#deadlines[slot] = Number.POSITIVE_INFINITY;
  }

  /** A time before which nothing expires: exact right after a `take` that found nothing. */
  get earliest(): number {
    return this.#earliest;
  }

  /** Unschedules expired slots of one block, appends them to `due` and says whether there were any. */
  take(now: number, due: number[]): boolean {
    while (this.earliest <= now) {
      const block = this.#descend(now);
      if (this.#visit(block, now, due)) return true;
    }
    return false;
  }

  clear(): void {
    this.#deadlines.fill(Number.POSITIVE_INFINITY);
    for (const level of this.#floors) level.fill(Number.POSITIVE_INFINITY);
    this.#earliest = Number.POSITIVE_INFINITY;
  }

  #lower(slot: number, deadline: number): void {
    let at = slot;
    for (const level of this.#floors) {
      at >>= FANOUT_BITS;
      if (deadline >= (level[at] as number)) return;
      level[at] = deadline;
    }
    this.#earliest = deadline;
    this.#calmReading = -1;
  }

  #descend(now: number): number {
    let at = 0;
    for (let depth = this.#floors.length - 2; depth >= 0; depth--) {
      const level = this.#floors[depth] as Float64Array;
      at <<= FANOUT_BITS;
      while ((level[at] as number) > now) at++;
    }
    return at;
  }

  #visit(block: number, now: number, due: number[]): boolean {
    const deadlines = this.#deadlines;
    const from = block << FANOUT_BITS;
    const to = Math.min(from + FANOUT, deadlines.length);
    const found = due.length;
    for (let slot = from; slot < to; slot++) {
      if ((deadlines[slot] as number) <= now) {
        deadlines[slot] = Number.POSITIVE_INFINITY;
        due.push(slot);
      }
    }
    let below = deadlines;
    let at = block;
    for (const level of this.#floors) {
      level[at] = leastOf(below, at);
      below = level;
      at >>= FANOUT_BITS;
    }
    this.#earliest = below[0] as number;
    return due.length > found;
  }
}

function leastOf(values: Float64Array, block: number): number {
  const from = block << FANOUT_BITS;
  const to = Math.min(from + FANOUT, values.length);
  let least = Number.POSITIVE_INFINITY;
  for (let i = from; i < to; i++) if ((values[i] as number) < least) least = values[i] as number;
  return least;
}
