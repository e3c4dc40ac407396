/// <reference lib="esnext.disposable" preserve="true" />
import { type AtomicCache, CacheLockLostError } from '@cache/core';
import { checkedSignal } from './checked-signal.ts';
import type { Timers } from './timers.ts';

/** The calls of a cache that a lock is made of. */
export type LockStore = Pick<AtomicCache, 'setWithNx' | 'setTtlIfEquals' | 'removeIfEquals' | 'increment'>;

/** What a {@link CacheLock} is made from: a lease that has been granted. */
export interface GrantedLease {
  readonly store: LockStore;
  readonly timers: Timers;
  readonly key: string;
  /** Where in the store the token lies. */
  readonly storedKey: string;
  readonly token: string;
  readonly fencingNumber: number;
  readonly leaseInSeconds: number;
  /** When the request was sent that the store granted, by the timers. */
  readonly requestedAtMs: number;
}

/** Renewed at a third of the lease: two renewals may be lost before it runs out. */
const RENEWAL_SHARE = 1 / 3;
/** After one that failed, the next. */
const RETRY_SHARE = 1 / 10;
/** Given up so long before the store gives it to others: for clocks that do not run alike, and for the holder to stop. */
const MARGIN_SHARE = 1 / 10;

/**
 * A lock that is held until it is released or lost. It renews itself, and keeps no process alive by that.
 *
 * **Invariant.** `signal` says "held" only before the end of a lease that the store has confirmed, counted by the local
 * monotonic clock from the moment *before* the request was sent, less a tenth. The store counts from a later moment, so as
 * long as its clock runs alike, nobody else was granted the lock before `signal` aborted. Once lost, it is lost for good,
 * whatever answer comes later.
 */
export class CacheLock {
  /** The key that was asked for. */
  readonly key: string;
  /** What tells this holder from all others: random, used once. */
  readonly token: string;
  /**
   * Larger than that of everybody who held the lock of this key before. A store that remembers the largest number it saw
   * and refuses smaller ones is safe from a holder that does not know yet that it lost the lock.
   */
  readonly fencingNumber: number;
  /** Aborts when the lock is lost, with a CacheLockLostError as its reason; a release is no loss. */
  readonly signal: AbortSignal;
  readonly #lease: GrantedLease;
  readonly #leaseMs: number;
  readonly #abort: AbortController = new AbortController();
  #state: 'held' | 'lost' | 'released' = 'held';
  #endsAtMs: number;
  #releasing: Promise<boolean> | undefined;
  #cancelEnd: () => void = () => {};
  #cancelRenewal: () => void = () => {};

  constructor(lease: GrantedLease) {
    this.key = lease.key;
    this.token = lease.token;
    this.fencingNumber = lease.fencingNumber;
    this.signal = checkedSignal(this.#abort, () => this.#checkEnd());
    this.#lease = lease;
    this.#leaseMs = lease.leaseInSeconds * 1000;
    this.#endsAtMs = lease.requestedAtMs + this.#leaseMs * (1 - MARGIN_SHARE);
    this.#watchEnd();
    this.#renewAfter(this.#leaseMs * RENEWAL_SHARE);
  }

  /** True until it is released or lost, by the clock at this moment. */
  get isHeld(): boolean {
    this.#checkEnd();
    return this.#state === 'held';
  }

  /**
   * Asks the store, before the step that matters most, whether the lock is still held, and renews it.
   *
   * @throws CacheLockLostError if it is not, or was released
   * @throws what the cache throws when its server fails: the lock is held on, to the end of its lease
   */
  async renew(): Promise<void> {
    if (this.isHeld) await this.#extend();
    if (this.isHeld) return;
    throw this.#state === 'lost' ? this.signal.reason : lost('The lock was released.');
  }

  /**
   * Gives the lock to whoever is next. It frees its own only: a lock that was lost meanwhile is left to its new owner.
   * Rejects as the cache does when its server fails; the lease then runs out by itself. May be called again.
   *
   * @returns true if it was held until now
   */
  release(): Promise<boolean> {
    this.#releasing ??= this.#free().catch((error: unknown) => {
      this.#releasing = undefined;
      throw error;
    });
    return this.#releasing;
  }

  /** Releases it. Never rejects: if the server fails, the lease runs out by itself. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.release().catch(() => {});
  }

  async #free(): Promise<boolean> {
    const { store, storedKey, token } = this.#lease;
    if (this.isHeld) this.#state = 'released';
    this.#stop();
    const wasOurs = await store.removeIfEquals(storedKey, token);
    if (!wasOurs) this.#lose('The lock was gone when it was released: evicted, cleared or taken over.');
    return this.#state === 'released';
  }

  /** Renews once. What the store refuses is lost; what fails is left to the end of the lease. */
  async #extend(): Promise<void> {
    const { store, timers, storedKey, token, leaseInSeconds } = this.#lease;
    const requestedAtMs = timers.now();
    const isOurs = await store.setTtlIfEquals(storedKey, token, leaseInSeconds);
    if (!this.isHeld) return;
    if (!isOurs) {
      this.#lose('The lock is gone: evicted, cleared or taken over.');
      return;
    }
    this.#endsAtMs = Math.max(this.#endsAtMs, requestedAtMs + this.#leaseMs * (1 - MARGIN_SHARE));
    this.#watchEnd();
    this.#renewAfter(this.#leaseMs * RENEWAL_SHARE);
  }

  #renewAfter(delayMs: number): void {
    this.#cancelRenewal();
    this.#cancelRenewal = this.#lease.timers.afterUnlessIdle(delayMs, () => {
      if (!this.isHeld) return;
      this.#extend().catch(() => {
        if (this.isHeld) this.#renewAfter(this.#leaseMs * RETRY_SHARE);
      });
    });
  }

  #watchEnd(): void {
    const { timers } = this.#lease;
    this.#cancelEnd();
    this.#cancelEnd = timers.afterUnlessIdle(Math.max(0, this.#endsAtMs - timers.now()), () => {
      if (this.isHeld) this.#watchEnd();
    });
  }

  #checkEnd(): void {
    if (this.#state !== 'held' || this.#lease.timers.now() < this.#endsAtMs) return;
    this.#lose('The lock ran out: no renewal was confirmed in time.');
  }

  #lose(message: string): void {
    if (this.#state === 'lost') return;
    this.#state = 'lost';
    this.#stop();
    this.#abort.abort(lost(message));
  }

  #stop(): void {
    this.#cancelEnd();
    this.#cancelRenewal();
  }
}

function lost(message: string): CacheLockLostError {
  return new CacheLockLostError(message, { operation: 'lock', backend: 'coordination' });
}
