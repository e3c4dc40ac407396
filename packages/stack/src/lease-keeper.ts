import type { CacheOperation, Lease } from '@cache/core';
import type { SharedStore } from './shared-store.ts';
import type { Timers } from './timers.ts';

/** What a {@link LeaseKeeper} works with. */
export interface LeaseKeeperParts {
  readonly store: Pick<SharedStore<never>, 'renew' | 'release'>;
  readonly timers: Timers;
  onStoreError(operation: CacheOperation, error: unknown): void;
  /** A last request, which nobody waits for but `close`. */
  onHandBack(request: Promise<unknown>): void;
}

/** Keeps one flight's lease while its load runs, and gives it back. */
export class LeaseKeeper {
  readonly #parts: LeaseKeeperParts;
  readonly #leaseInSeconds: number;
  #kept: Lease | undefined;
  #cancel: () => void = noop;

  constructor(parts: LeaseKeeperParts, leaseInSeconds: number) {
    this.#parts = parts;
    this.#leaseInSeconds = leaseInSeconds;
  }

  /** Renews at a third of the lease, until `stop`: two renewals may be lost before it runs out. A lost one is let go. */
  keep(lease: Lease): void {
    this.#kept = lease;
    const renewInMs = (this.#leaseInSeconds * 1000) / 3;
    this.#cancel = this.#parts.timers.after(renewInMs, () => void this.#renew(lease));
  }

  stop(): void {
    this.#kept = undefined;
    this.#cancel();
  }

  /** Hands the lease on. */
  release(lease: Lease): void {
    this.#handBack('release', this.#parts.store.release(lease));
  }

  /** Lets the lease run out after the back-off, so that nobody takes it before. */
  backOff(lease: Lease, backoffMs: number): void {
    if (backoffMs === 0) this.release(lease);
    else this.#handBack('renew', this.#parts.store.renew(lease, backoffMs / 1000));
  }

  async #renew(lease: Lease): Promise<void> {
    const { store, onStoreError } = this.#parts;
    const isHeld = await store.renew(lease, this.#leaseInSeconds).catch((error: unknown) => {
      onStoreError('renew', error);
      return true;
    });
    if (isHeld && this.#kept === lease) this.keep(lease);
  }

  #handBack(operation: CacheOperation, request: Promise<unknown>): void {
    const { onHandBack, onStoreError } = this.#parts;
    onHandBack(request.catch((error: unknown) => onStoreError(operation, error)));
  }
}

function noop(): void {}
