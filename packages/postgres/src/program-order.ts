/** What has been sent together, for those who must come after it. */
export interface InFlight {
  /** Fulfils, and never rejects, when everything in it is settled. */
  readonly settled: Promise<void>;
}

/**
 * Keeps the order in which one program calls a key. The connections of a pool overtake each other, so a call waits for
 * an earlier one of the same key where the order matters: a read for a write, a write for anything.
 *
 * Only writes, and reads that had to wait, are kept here by key. A read that waits for nothing costs one look-up; which
 * keys are being read is known to the batches that read them.
 */
export class ProgramOrder {
  readonly #tails = new Map<string, InFlight>();
  readonly #readsOf: (key: string) => InFlight[];

  /** @param readsOf the reads of a key that are queued or under way */
  constructor(readsOf: (key: string) => InFlight[]) {
    this.#readsOf = readsOf;
  }

  /** What a read of this key must wait for. */
  beforeRead(key: string): InFlight | undefined {
    return this.#tails.get(key);
  }

  /** What a write of this key must wait for. */
  beforeWrite(key: string): InFlight | undefined {
    const tail = this.#tails.get(key);
    if (tail !== undefined) return tail;
    const reads = this.#readsOf(key);
    if (reads.length < 2) return reads[0];
    return { settled: Promise.all(reads.map(({ settled }) => settled)).then(() => {}) };
  }

  /** Later calls of this key wait for `call`, unless another takes its place. */
  hold(key: string, call: InFlight): void {
    this.#tails.set(key, call);
  }

  /** `call` is settled. */
  release(key: string, call: InFlight): void {
    if (this.#tails.get(key) === call) this.#tails.delete(key);
  }

  /** Runs `start` when `before` is settled; until it has settled too, later calls of the key wait for it. */
  runAfter<T>(key: string, before: InFlight | undefined, start: () => Promise<T>): Promise<T> {
    const work = before === undefined ? start() : before.settled.then(start);
    const call: InFlight = { settled: work.then(ignore, ignore) };
    this.hold(key, call);
    void call.settled.then(() => this.release(key, call));
    return work;
  }

  /** Fulfils when every write known now is settled. */
  async settleAll(): Promise<void> {
    await Promise.all([...new Set(this.#tails.values())].map(({ settled }) => settled));
  }
}

function ignore(): void {}
