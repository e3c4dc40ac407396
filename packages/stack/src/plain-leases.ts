import {
  ABSENT,
  type Absent,
  type CacheEntry,
  DEFAULT_LEASE_IN_SECONDS,
  type FillOptions,
  type FreshEntry,
  type Lease,
  type LeaseOptions,
  type MissingEntry,
} from '@cache/core';
import type { SharedCache } from './levels.ts';
import type { SharedStore } from './shared-store.ts';
import type { Timers } from './timers.ts';

interface HeldLease extends Lease {
  untilMs: number;
}

/** Leases that nobody filled or released are looked for when there are this many, and each time they have doubled. */
const FIRST_SWEEP_AT = 1_000;

/**
 * Leases for a cache that has none, kept in this process: one load a key, and no fill after a write **of this process**.
 * Another process is neither held back nor fenced off: that takes a store with leases of its own. Such a cache says neither
 * how long an item has left nor what it is tagged with, keeps no stale copies and no negative entries.
 *
 * Invariant: a write of a key ends its lease first, then waits for a fill under way, then is carried out, and no lease is
 * granted meanwhile; so what was loaded before the write ended cannot land after it.
 */
export class PlainLeases<V> implements SharedStore<V> {
  readonly cache: SharedCache<V>;
  readonly #timers: Timers;
  readonly #assumedRemainingInSeconds: number;
  readonly #leases = new Map<string, HeldLease>();
  readonly #fills = new Map<string, Promise<void>>();
  readonly #writes = new Map<string, number>();
  #writesOfAll = 0;
  #nextToken = 1;
  #sweepAt = FIRST_SWEEP_AT;

  constructor(cache: SharedCache<V>, timers: Timers, assumedRemainingInSeconds: number) {
    this.cache = cache;
    this.#timers = timers;
    this.#assumedRemainingInSeconds = assumedRemainingInSeconds;
  }

  async getEntries(keys: readonly string[]): Promise<CacheEntry<V>[]> {
    const { mget } = this.cache;
    const values =
      mget === undefined
        ? await Promise.all(keys.map((key) => this.cache.get(key)))
        : await mget.call(this.cache, keys);
    return values.map((value) => this.#entry(value));
  }

  async getOrLease(key: string, options: LeaseOptions): Promise<CacheEntry<V>> {
    const entry = this.#entry(await this.cache.get(key));
    if ((entry.state === 'fresh' && !options.evenIfFresh) || this.#isBeingWritten(key)) return entry;
    const held = this.#leases.get(key);
    const nowMs = this.#timers.now();
    if (held !== undefined && held.untilMs > nowMs) return entry;
    const untilMs = nowMs + (options.leaseInSeconds ?? DEFAULT_LEASE_IN_SECONDS) * 1000;
    const lease: HeldLease = { key, token: String(this.#nextToken), untilMs };
    this.#nextToken += 1;
    this.#leases.set(key, lease);
    if (this.#leases.size >= this.#sweepAt) this.#sweep(nowMs);
    return { ...entry, lease };
  }

  async fill(lease: Lease, value: NonNullable<V> | Absent, options: FillOptions): Promise<boolean> {
    if (!this.#holds(lease)) return false;
    this.#leases.delete(lease.key);
    if (value === ABSENT) return false;
    const { expirationInSeconds, tags = [] } = options;
    const setOptions = expirationInSeconds === undefined ? { tags } : { expirationInSeconds, tags };
    const filling = this.cache.set(lease.key, value, tags.length === 0 ? expirationInSeconds : setOptions);
    const settled = filling.then(noop, noop);
    this.#fills.set(lease.key, settled);
    try {
      await filling;
      return true;
    } finally {
      if (this.#fills.get(lease.key) === settled) this.#fills.delete(lease.key);
    }
  }

  async renew(lease: Lease, leaseInSeconds: number): Promise<boolean> {
    const held = this.#leases.get(lease.key);
    if (held === undefined || !this.#holds(lease)) return false;
    held.untilMs = this.#timers.now() + leaseInSeconds * 1000;
    return true;
  }

  async release(lease: Lease): Promise<void> {
    if (this.#holds(lease)) this.#leases.delete(lease.key);
  }

  async write<T>(keys: readonly string[] | undefined, run: () => Promise<T>): Promise<T> {
    this.#countWrites(keys, 1);
    try {
      for (const key of keys ?? [...this.#leases.keys()]) this.#leases.delete(key);
      const fills = keys === undefined ? [...this.#fills.values()] : keys.map((key) => this.#fills.get(key));
      await Promise.all(fills);
      return await run();
    } finally {
      this.#countWrites(keys, -1);
    }
  }

  #sweep(nowMs: number): void {
    for (const [key, { untilMs }] of this.#leases) if (untilMs <= nowMs) this.#leases.delete(key);
    this.#sweepAt = Math.max(FIRST_SWEEP_AT, this.#leases.size * 2);
  }

  #countWrites(keys: readonly string[] | undefined, change: 1 | -1): void {
    if (keys === undefined) this.#writesOfAll += change;
    for (const key of keys ?? []) {
      const count = (this.#writes.get(key) ?? 0) + change;
      if (count === 0) this.#writes.delete(key);
      else this.#writes.set(key, count);
    }
  }

  #isBeingWritten(key: string): boolean {
    return this.#writesOfAll > 0 || this.#writes.has(key);
  }

  #entry(value: V | undefined): FreshEntry<V> | MissingEntry {
    if (value === undefined || value === null) return { state: 'missing' };
    return {
      state: 'fresh',
      value,
      ageInSeconds: undefined,
      remainingInSeconds: this.#assumedRemainingInSeconds,
      loadDurationMs: undefined,
      tags: [],
    };
  }

  #holds(lease: Lease): boolean {
    return this.#leases.get(lease.key)?.token === lease.token;
  }
}

function noop(): void {}
