import {
  ABSENT,
  type Absent,
  type CacheEntry,
  type CacheErrorContext,
  CacheOptionError,
  type EntryOptions,
  expirationOf,
  type FillOptions,
  type Lease,
  type LeaseOptions,
  leaseInSecondsOf,
  loadDurationMsOf,
  staleInSecondsOf,
  tagsOf,
  validateValue,
} from '@cache/core';
import { BACKEND } from './backend.ts';
import type { CacheCalls } from './cache-calls.ts';
import type { CacheParts } from './cache-parts.ts';
import type { CallObserver } from './call-observer.ts';
import { manyEntries, oneEntry, oneWrite } from './call-report.ts';
import { expireItem, fill, getEntries, getOrLease, release, renew } from './lease-protocol.ts';
import { isPayload, type PayloadSizes } from './payload-sizes.ts';

/** The calls of loads: entries, leases, and what was loaded under them. */
export class CacheLeases {
  readonly #calls: CacheCalls;
  readonly #parts: CacheParts;
  readonly #observer: CallObserver | undefined;

  constructor(calls: CacheCalls) {
    this.#calls = calls;
    this.#parts = calls.parts;
    this.#observer = calls.observer;
  }

  getEntries(keys: readonly string[], options?: EntryOptions): Promise<CacheEntry<unknown>[]> {
    const observer = this.#observer;
    const startedAtMs = observer?.now() ?? 0;
    const sizes = observer?.sizesFor('onHit');
    const call = this.#getEntries(keys, options, sizes);
    if (observer === undefined) return call;
    return observer.watch('getEntries', startedAtMs, call, manyEntries('getEntries', keys, sizes));
  }

  getOrLease(key: string, options?: LeaseOptions): Promise<CacheEntry<unknown>> {
    const observer = this.#observer;
    const startedAtMs = observer?.now() ?? 0;
    const sizes = observer?.sizesFor('onHit');
    const call = this.#getOrLease(key, options, sizes);
    if (observer === undefined) return call;
    return observer.watch('getOrLease', startedAtMs, call, oneEntry('getOrLease', key, sizes));
  }

  fill(lease: Lease, value: unknown, options?: FillOptions): Promise<boolean> {
    const observer = this.#observer;
    const startedAtMs = observer?.now() ?? 0;
    const sizes = observer?.sizesFor('onSet');
    const call = this.#fill(lease, value, options, sizes);
    if (observer === undefined) return call;
    return observer.watch('fill', startedAtMs, call, oneWrite('fill', lease?.key, sizes));
  }

  renew(lease: Lease, leaseInSeconds?: number): Promise<boolean> {
    const work = async (context: CacheErrorContext): Promise<boolean> => {
      const redisKey = this.#leaseKey(lease, context);
      const seconds = leaseInSecondsOf(leaseInSeconds === undefined ? undefined : { leaseInSeconds }, context);
      return this.#parts.gate.after(redisKey, () => renew(this.#parts, lease, redisKey, seconds));
    };
    return this.#calls.run('renew', true, work);
  }

  release(lease: Lease): Promise<void> {
    const work = async (context: CacheErrorContext): Promise<void> => {
      const redisKey = this.#leaseKey(lease, context);
      return this.#parts.gate.after(redisKey, () => release(this.#parts, lease, redisKey));
    };
    return this.#calls.run('release', true, work);
  }

  expireItem(key: string): Promise<boolean> {
    const work = async (context: CacheErrorContext): Promise<boolean> => {
      const redisKey = this.#parts.keys.redisKey(key, context);
      return this.#parts.gate.after(redisKey, () => expireItem(this.#parts, key, redisKey));
    };
    return this.#calls.run('expireItem', true, work);
  }

  #getEntries(
    keys: readonly string[],
    options: EntryOptions | undefined,
    sizes: PayloadSizes | undefined,
  ): Promise<CacheEntry<unknown>[]> {
    try {
      this.#calls.ensureOpen('getEntries');
      const redisKeys = this.#parts.keys.redisKeys(keys, GET_ENTRIES);
      const needsRemaining = options?.needsRemaining ?? true;
      return this.#calls.sendFree('getEntries', false, redisKeys, () =>
        getEntries(this.#parts, redisKeys, needsRemaining, sizes),
      );
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #getOrLease(
    key: string,
    options: LeaseOptions | undefined,
    sizes: PayloadSizes | undefined,
  ): Promise<CacheEntry<unknown>> {
    try {
      this.#calls.ensureOpen('getOrLease');
      const redisKey = this.#parts.keys.redisKey(key, GET_OR_LEASE);
      const request = {
        leaseInSeconds: leaseInSecondsOf(options, GET_OR_LEASE),
        staleInSeconds: staleInSecondsOf(options, GET_OR_LEASE),
        evenIfFresh: options?.evenIfFresh ?? false,
      };
      return this.#calls.sendFree('getOrLease', true, redisKey, () =>
        getOrLease(this.#parts, key, redisKey, request, sizes),
      );
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #fill(
    lease: Lease,
    value: unknown,
    options: FillOptions | undefined,
    sizes: PayloadSizes | undefined,
  ): Promise<boolean> {
    try {
      this.#calls.ensureOpen('fill');
      const redisKey = this.#leaseKey(lease, FILL);
      const isAbsent = value === ABSENT;
      if (value === null || value === undefined) validateValue(value, { ...FILL, key: lease.key });
      const expirationInSeconds = expirationOf(options, this.#calls.defaultExpirationInSeconds, FILL);
      const staleInSeconds = isAbsent ? 0 : (staleInSecondsOf(options, FILL) ?? 0);
      const loadDurationMs = loadDurationMsOf(options, FILL);
      const tags = tagsOf(options, FILL);
      const store = (payload: string | Buffer | Absent): Promise<boolean> =>
        fill(this.#parts, lease, redisKey, { payload, expirationInSeconds, staleInSeconds, loadDurationMs, tags });
      const encoded = isAbsent ? ABSENT : this.#parts.codec.encode(value, lease.key, 'fill');
      if (encoded !== ABSENT) sizes?.measure(0, encoded);
      if (encoded === ABSENT || isPayload(encoded)) {
        return this.#calls.sendFree('fill', true, redisKey, () => store(encoded));
      }
      return this.#calls.failing('fill', true, this.#calls.inTurn(redisKey, encoded, store));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #leaseKey(lease: Lease, context: CacheErrorContext): string {
    if (typeof lease !== 'object' || lease === null || typeof lease.token !== 'string') {
      throw new CacheOptionError('A lease is what getOrLease granted.', context);
    }
    return this.#parts.keys.redisKey(lease.key, context);
  }
}

const GET_ENTRIES: CacheErrorContext = Object.freeze({ operation: 'getEntries', backend: BACKEND });
const GET_OR_LEASE: CacheErrorContext = Object.freeze({ operation: 'getOrLease', backend: BACKEND });
const FILL: CacheErrorContext = Object.freeze({ operation: 'fill', backend: BACKEND });
