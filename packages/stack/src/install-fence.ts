/** One read, load or write under way whose value is to be kept locally when it ends. */
export interface InFlight {
  readonly key: string;
}

interface Registration extends InFlight {
  isPoisoned: boolean;
  readonly tagEventAtStart: number;
}

/** With more tags invalidated than this during the oldest read under way, everything under way is given up instead. */
const MAX_REMEMBERED_TAGS = 10_000;

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
  /** In the order of registration: the first is the oldest. */
  readonly #all = new Set<Registration>();
  /** The newest event of each tag, the oldest event first. */
  readonly #tagEvents = new Map<string, number>();
  #tagEvent = 0;

  /** Call before the request is sent. */
  register(key: string): InFlight {
    const registration: Registration = { key, isPoisoned: false, tagEventAtStart: this.#tagEvent };
    const others = this.#inFlight.get(key);
    if (others === undefined) this.#inFlight.set(key, registration);
    else if (others instanceof Set) others.add(registration);
    else this.#inFlight.set(key, new Set([others, registration]));
    this.#all.add(registration);
    return registration;
  }

  /** True if the value may be kept. Call in the same turn as keeping it, and `end` after. */
  admits(inFlight: InFlight, tags: readonly string[]): boolean {
    const registration = inFlight as Registration;
    if (registration.isPoisoned || !this.#all.has(registration)) return false;
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
    if (!this.#all.delete(registration)) return;
    const sameKey = this.#inFlight.get(registration.key);
    if (sameKey instanceof Set) sameKey.delete(registration);
    if (sameKey === registration || (sameKey instanceof Set && sameKey.size === 0))
      this.#inFlight.delete(registration.key);
    if (this.#tagEvents.size > 0) this.#forgetOldTags();
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
    if (this.#all.size === 0) return;
    for (const tag of tags) {
      // Deleted first, so that the map stays in the order of events.
      this.#tagEvents.delete(tag);
      this.#tagEvents.set(tag, this.#tagEvent);
    }
    if (this.#tagEvents.size <= MAX_REMEMBERED_TAGS) return;
    this.poisonAll();
    this.#tagEvents.clear();
  }

  /** Every key that begins with `prefix` was invalidated. */
  poisonPrefix(prefix: string): void {
    for (const key of this.#inFlight.keys()) if (key.startsWith(prefix)) this.poisonKey(key);
  }

  /** Everything was invalidated, or may have been. */
  poisonAll(): void {
    for (const registration of this.#all) registration.isPoisoned = true;
  }

  /** Nobody under way could have missed what happened before the oldest of them began. */
  #forgetOldTags(): void {
    const [oldest] = this.#all;
    const missedAfter = oldest?.tagEventAtStart ?? Number.POSITIVE_INFINITY;
    for (const [tag, event] of this.#tagEvents) {
      if (event > missedAfter) break;
      this.#tagEvents.delete(tag);
    }
  }
}
