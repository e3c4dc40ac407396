/** One read, load or write under way whose value is to be kept locally when it ends. */
export interface InFlight {
  readonly key: string;
}

interface Registration extends InFlight {
  isPoisoned: boolean;
  hasEnded: boolean;
  readonly tagEventAtStart: number;
}

/** With more tags invalidated than this during the oldest read under way, everything under way is given up instead. */
const MAX_REMEMBERED_TAGS = 10_000;

/** Tags that nobody under way can have missed are looked for when there are this many, and each time they have doubled. */
const FIRST_SWEEP_AT = 64;

/**
 * Decides whether a value that was on its way while things were invalidated may still be kept locally.
 *
 * Invariant: a value is admitted only if, since its registration, neither its key nor one of its tags nor everything was
 * invalidated. The registration comes before the request to the shared store, so an invalidation that the answer may
 * have missed always finds it. The breaking order that this closes: read sent, answered with the old value, key removed
 * in the store and locally, the old value kept after that.
 *
 * A value's tags are known only when it arrives. So tag invalidations are numbered, and what was on its way compares the
 * number at its start with the newest of each of its tags.
 */
export class InstallFence {
  /** Most keys have one at a time. */
  readonly #inFlight = new Map<string, Registration | Set<Registration>>();
  /** The newest event of each tag, the oldest event first. */
  readonly #tagEvents = new Map<string, number>();
  #tagEvent = 0;
  #sweepAt = FIRST_SWEEP_AT;

  /** Call before the request is sent. */
  register(key: string): InFlight {
    const registration: Registration = { key, isPoisoned: false, hasEnded: false, tagEventAtStart: this.#tagEvent };
    const others = this.#inFlight.get(key);
    if (others === undefined) this.#inFlight.set(key, registration);
    else if (others instanceof Set) others.add(registration);
    else this.#inFlight.set(key, new Set([others, registration]));
    return registration;
  }

  /** True if the value may be kept. Call in the same turn as keeping it, and `end` after. */
  admits(inFlight: InFlight, tags: readonly string[]): boolean {
    const registration = inFlight as Registration;
    if (registration.isPoisoned || registration.hasEnded) return false;
    return !tags.some((tag) => (this.#tagEvents.get(tag) ?? 0) > registration.tagEventAtStart);
  }

  /** True if anything was invalidated since the start that could concern a value of this key with whatever tags. */
  isSuspect(inFlight: InFlight): boolean {
    const registration = inFlight as Registration;
    return registration.isPoisoned || registration.tagEventAtStart !== this.#tagEvent;
  }

  /** Call once for every registration, whatever became of it. */
  end(inFlight: InFlight): void {
    const registration = inFlight as Registration;
    if (registration.hasEnded) return;
    registration.hasEnded = true;
    const sameKey = this.#inFlight.get(registration.key);
    if (sameKey instanceof Set) sameKey.delete(registration);
    if (sameKey === registration || (sameKey instanceof Set && sameKey.size === 0))
      this.#inFlight.delete(registration.key);
    if (this.#inFlight.size === 0) this.#forgetTags();
  }

  /** The key was invalidated or written. `except` is the write's own registration, which must not poison itself. */
  poisonKey(key: string, except?: InFlight): void {
    const sameKey = this.#inFlight.get(key);
    if (sameKey === undefined) return;
    for (const registration of sameKey instanceof Set ? sameKey : [sameKey]) {
      if (registration !== except) registration.isPoisoned = true;
    }
  }

  /** The tags were invalidated. */
  poisonTags(tags: readonly string[]): void {
    this.#tagEvent += 1;
    if (this.#inFlight.size === 0) return;
    for (const tag of tags) {
      // Deleted first, so that the map stays in the order of events.
      this.#tagEvents.delete(tag);
      this.#tagEvents.set(tag, this.#tagEvent);
    }
    if (this.#tagEvents.size >= this.#sweepAt) this.#forgetOldTags();
    if (this.#tagEvents.size <= MAX_REMEMBERED_TAGS) return;
    this.poisonAll();
    this.#forgetTags();
  }

  /** Every key that begins with `prefix` was invalidated. */
  poisonPrefix(prefix: string): void {
    for (const key of this.#inFlight.keys()) if (key.startsWith(prefix)) this.poisonKey(key);
  }

  /** Everything was invalidated, or may have been. */
  poisonAll(): void {
    for (const registration of this.#underWay()) registration.isPoisoned = true;
  }

  /** Nobody under way could have missed what happened before the oldest of them began. */
  #forgetOldTags(): void {
    let missedAfter = Number.POSITIVE_INFINITY;
    for (const { tagEventAtStart } of this.#underWay()) missedAfter = Math.min(missedAfter, tagEventAtStart);
    for (const [tag, event] of this.#tagEvents) {
      if (event > missedAfter) break;
      this.#tagEvents.delete(tag);
    }
    this.#sweepAt = Math.max(FIRST_SWEEP_AT, this.#tagEvents.size * 2);
  }

  #forgetTags(): void {
    if (this.#tagEvents.size === 0) return;
    this.#tagEvents.clear();
    this.#sweepAt = FIRST_SWEEP_AT;
  }

  *#underWay(): Iterable<Registration> {
    for (const sameKey of this.#inFlight.values()) {
      if (sameKey instanceof Set) yield* sameKey;
      else yield sameKey;
    }
  }
}
