import { ABSENT, type CacheEntry, type Lease, type LeaseOptions } from '@cache/core';
import type { CallObserver } from './call-observer.ts';
import type { DatabaseFillOptions, LeaseCalls } from './lease-calls.ts';

/** {@link LeaseCalls}, each of which the hooks hear of. */
export class ObservedLeaseCalls {
  readonly #calls: LeaseCalls;
  readonly #observer: CallObserver;

  constructor(calls: LeaseCalls, observer: CallObserver) {
    this.#calls = calls;
    this.#observer = observer;
  }

  getEntries(keys: readonly string[]): Promise<CacheEntry<unknown>[]> {
    if (this.#observer.hooks !== undefined) return this.#getSizedEntries(keys);
    return this.#observer.run('getEntries', () => this.#calls.getEntries(keys));
  }

  getOrLease(key: string, options: LeaseOptions): Promise<CacheEntry<unknown>> {
    let size = 0;
    const onBytes = (bytes: number): void => {
      size = bytes;
    };
    return this.#observer.run(
      'getOrLease',
      () => this.#calls.getOrLease(key, options, onBytes),
      (hooks, { state }, durationMs) => {
        if (state === 'fresh') hooks.hit('getOrLease', key, durationMs, size);
        else hooks.miss('getOrLease', key, durationMs);
        return state === 'fresh' ? 'hit' : state === 'stale' ? 'stale' : 'miss';
      },
    );
  }

  fill(lease: Lease, value: unknown, options: DatabaseFillOptions): Promise<boolean> {
    let size = 0;
    const onBytes = (bytes: number): void => {
      size = bytes;
    };
    return this.#observer.run(
      'fill',
      () => this.#calls.fill(lease, value, options, onBytes),
      (hooks, isStored, durationMs) => {
        if (isStored && value !== ABSENT) hooks.set('fill', lease.key, durationMs, size);
        return 'done';
      },
    );
  }

  renew(lease: Lease, leaseInSeconds: number | undefined): Promise<boolean> {
    return this.#observer.run('renew', () => this.#calls.renew(lease, leaseInSeconds));
  }

  release(lease: Lease): Promise<void> {
    return this.#observer.run('release', () => this.#calls.release(lease));
  }

  expireItem(key: string): Promise<boolean> {
    return this.#observer.run(
      'expireItem',
      () => this.#calls.expireItem(key),
      (hooks, wasLive, durationMs) => {
        if (wasLive) hooks.remove('expireItem', key, durationMs);
        return 'done';
      },
    );
  }

  async #getSizedEntries(keys: readonly string[]): Promise<CacheEntry<unknown>[]> {
    const found = await this.#observer.run(
      'getEntries',
      () => this.#calls.getSizedEntries(keys),
      (hooks, entries, durationMs) => {
        for (const [index, { entry, bytes }] of entries.entries()) {
          const key = keys[index] as string;
          if (entry.state === 'fresh') hooks.hit('getEntries', key, durationMs, bytes);
          else hooks.miss('getEntries', key, durationMs);
        }
        return 'done';
      },
    );
    return found.map(({ entry }) => entry);
  }
}
