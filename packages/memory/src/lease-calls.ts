import {
  ABSENT,
  type Absent,
  type CacheEntry,
  CacheOptionError,
  expirationOf,
  type FillOptions,
  type Lease,
  type LeaseOptions,
  leaseInSecondsOf,
  loadDurationMsOf,
  staleInSecondsOf,
  tagsOf,
  validateKeyList,
} from '@cache/core';
import type { ItemDetails } from './item-details.ts';
import { lifetimeMsOf, type MemoryCalls } from './memory-calls.ts';

const NO_TAGS: readonly string[] = [];

/**
 * The load path: `getOrLease`, load, `fill`.
 *
 * Everything here runs to its end without giving up the thread, so the fence is one look at the lease table: whatever invalidates a key
 * takes its lease away, a tag changed since the lease was granted has a higher number in the log, and `clear` empties the table.
 */
export class LeaseCalls<V> {
  readonly #calls: MemoryCalls<V>;

  constructor(calls: MemoryCalls<V>) {
    this.#calls = calls;
  }

  getEntries(keys: readonly string[]): CacheEntry<V>[] {
    this.#calls.ensureOpen('getEntries');
    validateKeyList(keys, { operation: 'getEntries', backend: 'memory' });
    const resolved = keys.map((key) => this.#calls.resolve(key, 'getEntries'));
    const nowMs = this.#calls.engine.clock.exact();
    return resolved.map((key) => this.#entryOf(key, nowMs, Number.POSITIVE_INFINITY));
  }

  getOrLease(key: string, options: LeaseOptions | undefined): CacheEntry<V> {
    const { engine, leases } = this.#calls;
    const context = { operation: 'getOrLease', backend: 'memory' };
    const resolved = this.#calls.resolve(key, 'getOrLease');
    const leaseMs = leaseInSecondsOf(options, context) * 1000;
    const staleInSeconds = staleInSecondsOf(options, context) ?? Number.POSITIVE_INFINITY;
    const nowMs = engine.clock.exact();
    const entry = this.#entryOf(resolved, nowMs, staleInSeconds * 1000);
    if (entry.state === 'absent' || (entry.state === 'fresh' && options?.evenIfFresh !== true)) return entry;
    const lease = leases.grant(resolved, nowMs, leaseMs, engine.tagLog.sequence);
    // The caller's key, so that the lease can be handed back under the name it was asked for.
    return lease === undefined ? entry : { ...entry, lease: { key, token: lease.token } };
  }

  fill(lease: Lease, value: NonNullable<V> | Absent, options: FillOptions | undefined): boolean {
    const { engine, leases } = this.#calls;
    const context = { operation: 'fill', backend: 'memory' };
    const key = this.#keyOf(lease, 'fill');
    const incoming = value === ABSENT ? undefined : this.#calls.incoming('fill', key, value as V);
    const lifetimeMs = lifetimeMsOf(expirationOf(options, this.#calls.defaultExpirationInSeconds, context));
    const tags = tagsOf(options, context);
    const staleForMs = incoming === undefined ? 0 : (staleInSecondsOf(options, context) ?? 0) * 1000;
    const loadDurationMs = loadDurationMsOf(options, context);
    const nowMs = engine.clock.exact();
    const held = leases.find(key, lease.token, nowMs);
    if (held === undefined) return false;
    leases.end(key);
    if (engine.tagLog.isInvalidated(tags, held.tagSequence)) return false;
    if (engine.tagLog.expiredAtMs(tags, held.tagSequence) <= nowMs) return false;
    const details: ItemDetails = {
      freshUntilMs: nowMs + lifetimeMs,
      staleForMs,
      storedAtMs: nowMs,
      tags,
      tagSequence: held.tagSequence,
      loadDurationMs,
      isAbsent: incoming === undefined,
    };
    engine.writeDetailed(key, incoming?.value as V, nowMs + lifetimeMs + staleForMs, incoming?.bytes ?? 0, details);
    return true;
  }

  renew(lease: Lease, leaseInSeconds: number | undefined): boolean {
    const { engine, leases } = this.#calls;
    const key = this.#keyOf(lease, 'renew');
    const options = leaseInSeconds === undefined ? undefined : { leaseInSeconds };
    const durationMs = leaseInSecondsOf(options, { operation: 'renew', backend: 'memory' }) * 1000;
    const nowMs = engine.clock.exact();
    const held = leases.find(key, lease.token, nowMs);
    if (held === undefined) return false;
    held.untilMs = nowMs + durationMs;
    return true;
  }

  release(lease: Lease): void {
    const { engine, leases } = this.#calls;
    const key = this.#keyOf(lease, 'release');
    if (leases.find(key, lease.token, engine.clock.exact()) !== undefined) leases.end(key);
  }

  expireItem(key: string): boolean {
    const { engine, leases } = this.#calls;
    const resolved = this.#calls.resolve(key, 'expireItem');
    leases.end(resolved);
    const slot = engine.locate(resolved);
    if (slot === -1) return false;
    const nowMs = engine.clock.exact();
    const freshness = engine.freshness(slot, nowMs);
    const details = engine.detailsOf(slot);
    if (freshness === 'stale') return false;
    if (freshness === 'fresh' && details !== undefined && details.staleForMs > 0) {
      engine.reschedule(slot, nowMs + details.staleForMs, { ...details, freshUntilMs: nowMs });
    } else {
      engine.drop(slot);
    }
    return freshness === 'fresh';
  }

  #keyOf(lease: Lease, operation: 'fill' | 'renew' | 'release'): string {
    if (typeof lease !== 'object' || lease === null || typeof lease.token !== 'string') {
      throw new CacheOptionError('Expected a lease, as getOrLease gave it.', { operation, backend: 'memory' });
    }
    return this.#calls.resolve(lease.key, operation);
  }

  #entryOf(key: string, nowMs: number, staleForMs: number): CacheEntry<V> {
    const { engine } = this.#calls;
    const slot = engine.locate(key);
    const freshness = slot === -1 ? 'gone' : engine.freshness(slot, nowMs);
    engine.recordRead(freshness === 'gone' ? -1 : slot);
    if (freshness === 'gone') return { state: 'missing' };
    const details = engine.detailsOf(slot);
    const tags = details?.tags ?? NO_TAGS;
    const remainingInSeconds = this.#calls.remainingInSeconds(slot, nowMs);
    if (freshness === 'absent') return { state: 'absent', remainingInSeconds, tags };
    const value = this.#calls.outgoing(engine.valueOf(slot), key) as V;
    if (freshness === 'stale') {
      return nowMs - engine.freshUntilMs(slot) <= staleForMs ? { state: 'stale', value, tags } : { state: 'missing' };
    }
    return {
      state: 'fresh',
      value,
      ageInSeconds: details === undefined ? undefined : (nowMs - details.storedAtMs) / 1000,
      remainingInSeconds,
      loadDurationMs: details?.loadDurationMs,
      tags,
    };
  }
}
