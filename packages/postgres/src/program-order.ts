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
  /** Reads that are not gathered in batches. */
  readonly #reads = new Map<string, InFlight>();
  readonly #readsOf: (key: string) => InFlight[];

  /** @param readsOf the reads of a key that batches hold, queued or under way */
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
    const earlier = tail === undefined ? this.#readsOf(key) : [tail];
    const read = this.#reads.get(key);
    if (read !== undefined) earlier.push(read);
    return earlier.length < 2 ? earlier[0] : all(earlier);
  }

  /** Later writes of these keys wait for this read, and later reads do not. */
  whileReading<T>(keys: readonly string[], read: Promise<T>): Promise<T> {
    const call: InFlight = { settled: read.then(ignore, ignore) };
    const held = keys.map((key) => {
      const other = this.#reads.get(key);
      const reads = other === undefined ? call : all([other, call]);
      this.#reads.set(key, reads);
      return reads;
    });
    void call.settled.then(() => {
      for (const [index, key] of keys.entries()) {
        const reads = held[index] as InFlight;
        void (reads === call ? this.#forget(key, call) : reads.settled.then(() => this.#forget(key, reads)));
      }
    });
    return read;
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

  #forget(key: string, reads: InFlight): void {
    if (this.#reads.get(key) === reads) this.#reads.delete(key);
  }
}

function all(calls: readonly InFlight[]): InFlight {
  return { settled: Promise.all(calls.map(({ settled }) => settled)).then(ignore) };
}

function ignore(): void {}
