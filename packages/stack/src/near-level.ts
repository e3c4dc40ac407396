import type { InvalidationBus } from '@cache/core';
import type { InFlight, InstallFence } from './install-fence.ts';
import type { NearCache } from './levels.ts';
import { OwnLoads } from './own-loads.ts';
import { isPlainData } from './plain-data.ts';
import type { Timers } from './timers.ts';

/** What is to be kept in the local level, if the fence admits it. */
export interface Installable<V> {
  readonly value: V;
  /** True if it came from the shared level. What is on its way there may come back as something else. */
  readonly isAsStored: boolean;
  /** Counted from when the request was sent; `null` for never. */
  readonly remainingInSeconds: number | null;
  readonly tags: readonly string[];
  readonly sentAtMs: number;
}

/** What a stack keeps in this process, if it keeps anything. */
export interface LocalLevel<V> {
  /** True if there is nothing behind it: what it has not, nobody has. */
  readonly isWhole: boolean;
  /** The value, if it is there and may be served. */
  read(key: string): V | undefined;
  /** Keeps what came from the shared level, if the fence admits it. */
  install(inFlight: InFlight, item: Installable<V>): void;
  /** Keeps what was loaded while the shared level is out, as long as another process's invalidation may go unseen. */
  installUnstored(inFlight: InFlight, item: Installable<V>): void;
  drop(key: string): void;
  dropTags(tags: readonly string[]): void;
  dropPrefix(prefix: string): void;
  dropAll(): void;
}

/** No first level: every read goes to the shared one. */
export const noLevel: LocalLevel<never> = {
  isWhole: false,
  read: () => undefined,
  install: () => {},
  installUnstored: () => {},
  drop: () => {},
  dropTags: () => {},
  dropPrefix: () => {},
  dropAll: () => {},
};

/** No second level: the near cache is the store itself, so a hit needs no promise and nothing is ever copied. */
export function onlyLevel<V>(cache: NearCache<V>): LocalLevel<V> {
  return { ...noLevel, isWhole: true, read: (key) => cache.get(key) };
}

/** How long copies may live and be believed. */
export interface NearLevelOptions {
  readonly bus: InvalidationBus | undefined;
  /** With a bus: serve only while its last answered poll is at most this old. Without one: the longest life of a copy. */
  readonly maxStalenessInSeconds: number;
  /** The longest life of a copy with a bus. */
  readonly maxExpirationInSeconds: number;
}

/**
 * A near cache in front of a shared one. It serves what the shared one would give: a value that serialising could change
 * (an instance of a class, a Date, an undefined property) is not kept when it is stored, only when it is read back.
 *
 * Invariant: what it serves was not invalidated by this process at all, nor by another one longer ago than
 * `maxStalenessInSeconds`. Silence is not health: with a bus, every hit asks when the bus was last *heard*, so a cut,
 * half-open or frozen connection makes the level answer nothing, but for what this process loaded itself within that time.
 */
export class NearLevel<V> implements LocalLevel<V> {
  readonly isWhole = false;
  readonly #cache: NearCache<V>;
  readonly #fence: InstallFence;
  readonly #timers: Timers;
  readonly #bus: InvalidationBus | undefined;
  readonly #maxStalenessMs: number;
  readonly #longestLifeInSeconds: number;
  readonly #ownLoads = new OwnLoads();

  constructor(cache: NearCache<V>, fence: InstallFence, timers: Timers, options: NearLevelOptions) {
    this.#cache = cache;
    this.#fence = fence;
    this.#timers = timers;
    this.#bus = options.bus;
    this.#maxStalenessMs = options.maxStalenessInSeconds * 1000;
    this.#longestLifeInSeconds =
      options.bus === undefined ? options.maxStalenessInSeconds : options.maxExpirationInSeconds;
    // What was in it before, nobody has watched.
    cache.clear();
  }

  read(key: string): V | undefined {
    return this.#isProven() || this.#ownLoads.isServable(key, this.#timers.now()) ? this.#cache.get(key) : undefined;
  }

  install(inFlight: InFlight, item: Installable<V>): void {
    if (!this.#isProven()) return;
    // An answer that was long on its way may take an own load's place, and is no more than the bus proves.
    if (this.#install(inFlight, item, this.#longestLifeInSeconds)) this.#ownLoads.delete(inFlight.key);
  }

  installUnstored(inFlight: InFlight, item: Installable<V>): void {
    if (!this.#install(inFlight, item, this.#maxStalenessMs / 1000)) return;
    // Its load began when the request was sent, so nothing older is unseen whatever the bus says.
    this.#ownLoads.record(inFlight.key, item.sentAtMs + this.#maxStalenessMs, this.#timers.now());
  }

  #install(inFlight: InFlight, item: Installable<V>, longestLifeInSeconds: number): boolean {
    const { value, isAsStored, remainingInSeconds, tags, sentAtMs } = item;
    if (!this.#fence.admits(inFlight, tags)) return false;
    // What happens while the answer is on its way may go unseen by it: count from when the question was sent.
    const elapsedInSeconds = (this.#timers.now() - sentAtMs) / 1000;
    const expirationInSeconds =
      Math.min(remainingInSeconds ?? longestLifeInSeconds, longestLifeInSeconds) - elapsedInSeconds;
    if (expirationInSeconds <= 0 || !(isAsStored || isPlainData(value))) return false;
    const options = tags.length === 0 ? expirationInSeconds : { expirationInSeconds, tags };
    this.#cache.set(inFlight.key, value as NonNullable<V>, options);
    return true;
  }

  drop(key: string): void {
    this.#cache.removeItem(key);
  }

  dropTags(tags: readonly string[]): void {
    this.#cache.invalidateTags(tags);
  }

  dropPrefix(prefix: string): void {
    // A cache that cannot drop a part drops more than it must, never less.
    if (this.#cache.clearPrefix === undefined) this.#cache.clear();
    else this.#cache.clearPrefix(prefix);
  }

  dropAll(): void {
    this.#ownLoads.clear();
    this.#cache.clear();
  }

  #isProven(): boolean {
    const bus = this.#bus;
    if (bus === undefined) return true;
    const { liveAtMs } = bus;
    return liveAtMs !== undefined && this.#timers.now() - liveAtMs <= this.#maxStalenessMs;
  }
}
