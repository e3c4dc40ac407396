import type { Lease } from '@cache/core';

/** Leases held before those that ran out are swept for the first time. */
const FIRST_SWEEP = 1024;

/** What is known of one load under way. */
export interface GrantedLease {
  readonly token: string;
  untilMs: number;
  /** The tag log's number when the load began: a tag changed since fences the fill off. */
  readonly tagSequence: number;
}

/**
 * The loads under way: at most one per key, each with a token of its own. It is the whole fence: whatever invalidates a key deletes its
 * entry here, and a fill needs the entry with its token.
 */
export class LeaseTable {
  readonly #leases: Map<string, GrantedLease> = new Map();
  /** Tells this cache's tokens from another's. */
  readonly #nonce: string = Math.random().toString(36).slice(2, 10);
  #granted = 0;
  #held = 0;
  #sweepAt: number = FIRST_SWEEP;

  /** Whether no load is under way: what a plain `set` asks first. */
  get isEmpty(): boolean {
    return this.#held === 0;
  }

  /** The right to load the key, unless somebody has it. */
  grant(key: string, nowMs: number, durationMs: number, tagSequence: number): Lease | undefined {
    const held = this.#leases.get(key);
    if (held !== undefined && held.untilMs > nowMs) return undefined;
    if (this.#leases.size >= this.#sweepAt) this.#sweep(nowMs);
    const token = `${this.#nonce}.${++this.#granted}`;
    this.end(key);
    this.#held++;
    this.#leases.set(key, { token, untilMs: nowMs + durationMs, tagSequence });
    return { key, token };
  }

  /** The lease as it was granted, if it still holds. */
  find(key: string, token: string, nowMs: number): GrantedLease | undefined {
    const held = this.#leases.get(key);
    return held !== undefined && held.token === token && held.untilMs > nowMs ? held : undefined;
  }

  /** Ends the lease of the key, whoever holds it. */
  end(key: string): void {
    if (this.#leases.delete(key)) this.#held--;
  }

  /** Ends every lease on a key that starts with the prefix. */
  endPrefix(prefix: string): void {
    for (const key of this.#leases.keys()) if (key.startsWith(prefix)) this.end(key);
  }

  clear(): void {
    this.#leases.clear();
    this.#held = 0;
    this.#sweepAt = FIRST_SWEEP;
  }

  /** Drops what ran out, each time as many have been added as were left: O(1) amortised per grant. */
  #sweep(nowMs: number): void {
    for (const [key, { untilMs }] of this.#leases) if (untilMs <= nowMs) this.end(key);
    this.#sweepAt = Math.max(FIRST_SWEEP, 2 * this.#leases.size);
  }
}
