/** Tags remembered before the oldest are forgotten, at least. */
const SMALLEST_LOG = 10_000;

interface TagRecord {
  /** The log's number when the tag was last invalidated; 0 for never. */
  invalidated: number;
  /** The log's number when the tag was last expired; 0 for never. */
  expired: number;
  /** When that was, in the cache's milliseconds. */
  expiredAtMs: number;
}

/**
 * Which tags were invalidated or expired, and when in the order of events. Invalidating costs one entry per tag, whatever the number of
 * items; an item knows the number the log had when its value's load began, and is judged when it is read.
 *
 * Bounded: beyond its limit the log forgets the tags changed longest ago and keeps their number instead; a tagged item that is older
 * than that is taken for invalidated. Missing bookkeeping means a miss, never a stale answer.
 */
export class TagLog {
  readonly #limit: number;
  readonly #records: Map<string, TagRecord> = new Map();
  #sequence = 0;
  #forgotten = 0;

  constructor(maxSize: number) {
    this.#limit = Math.max(SMALLEST_LOG, maxSize);
  }

  /** The number of the latest event. */
  get sequence(): number {
    return this.#sequence;
  }

  invalidate(tags: readonly string[]): void {
    this.#sequence++;
    for (const tag of tags) this.#touch(tag).invalidated = this.#sequence;
  }

  expire(tags: readonly string[], nowMs: number): void {
    this.#sequence++;
    for (const tag of tags) {
      const record = this.#touch(tag);
      record.expired = this.#sequence;
      record.expiredAtMs = nowMs;
    }
  }

  /** Whether any of the tags was invalidated after `since`. */
  isInvalidated(tags: readonly string[], since: number): boolean {
    if (tags.length === 0) return false;
    if (since < this.#forgotten) return true;
    return tags.some((tag) => (this.#records.get(tag)?.invalidated ?? 0) > since);
  }

  /** When the first of the tags was expired after `since`, as far as the log goes back; `Infinity` if none was. */
  expiredAtMs(tags: readonly string[], since: number): number {
    let earliest = Number.POSITIVE_INFINITY;
    for (const tag of tags) {
      const record = this.#records.get(tag);
      if (record !== undefined && record.expired > since) earliest = Math.min(earliest, record.expiredAtMs);
    }
    return earliest;
  }

  /** Forgets every tag. No item that carries one may be held any more, and no lease granted before may be filled. */
  clear(): void {
    this.#records.clear();
    this.#forgotten = 0;
  }

  /** The tag's record, now the newest of the log: a `Map` iterates in the order of insertion. */
  #touch(tag: string): TagRecord {
    const record = this.#records.get(tag) ?? { invalidated: 0, expired: 0, expiredAtMs: 0 };
    this.#records.delete(tag);
    this.#records.set(tag, record);
    if (this.#records.size > this.#limit) this.#forgetOldest();
    return record;
  }

  #forgetOldest(): void {
    for (const [tag, { invalidated, expired }] of this.#records) {
      this.#records.delete(tag);
      this.#forgotten = Math.max(this.#forgotten, invalidated, expired);
      return;
    }
  }
}
