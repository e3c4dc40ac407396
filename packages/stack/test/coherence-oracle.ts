/** A value as the tests store it: where it came from, and which version of the source it shows. */
export interface Versioned {
  readonly version: number;
  readonly from: 'loader' | 'set';
}

interface Write {
  readonly version: number;
  readonly startedAt: number;
  ackedAt: number;
}

/** What one reader may not see: the writes that it must know of. */
export type Known = ReadonlySet<Write>;

/**
 * The source of one key, and the judge of what readers get.
 *
 * The promise: who reads after a write was acknowledged gets neither a value that was loaded from an older version of the
 * source, nor one whose `set` was acknowledged before that write began.
 */
export class CoherenceOracle {
  readonly #writes: Write[] = [];
  readonly #sets = new Map<number, Write>();
  #version = 0;
  #now = 0;

  /** What a loader finds. */
  load(): Versioned {
    return { version: this.#version, from: 'loader' };
  }

  /** The source changes; the write that follows is to make every cache forget. */
  change(kind: 'set' | 'invalidation'): Write {
    this.#version += 1;
    const write: Write = { version: this.#version, startedAt: this.#tick(), ackedAt: Number.POSITIVE_INFINITY };
    this.#writes.push(write);
    if (kind === 'set') this.#sets.set(write.version, write);
    return write;
  }

  acknowledge(write: Write): void {
    write.ackedAt = this.#tick();
  }

  /** Everything acknowledged by now. */
  known(): Known {
    return new Set(this.#writes.filter(({ ackedAt }) => ackedAt < Number.POSITIVE_INFINITY));
  }

  /** What is wrong with this value for a reader who knew this when asking. */
  complaint(value: Versioned | undefined, known: Known): string | undefined {
    if (value === undefined) return undefined;
    const set = value.from === 'set' ? this.#sets.get(value.version) : undefined;
    for (const write of known) {
      const isOlder = set === undefined ? value.version < write.version : set.ackedAt < write.startedAt;
      if (isOlder) return `read version ${value.version} of a ${value.from} after ${write.version} was acknowledged`;
    }
    return undefined;
  }

  #tick(): number {
    this.#now += 1;
    return this.#now;
  }
}
