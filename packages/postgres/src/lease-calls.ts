import { randomBytes } from 'node:crypto';
import {
  ABSENT,
  type CacheEntry,
  type CacheError,
  type CacheErrorContext,
  type CacheOperation,
  CacheOptionError,
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
import type { CacheEngine } from './cache-engine.ts';
import { contentOf, entryOf, payloadBytes, showsValue } from './cache-entry.ts';
import { contextOf } from './call-context.ts';
import { itemElement } from './item-writer.ts';
import type { InFlight } from './program-order.ts';
import { numberAt, textAt, textsAt } from './row.ts';
import type { Row } from './statement-runner.ts';
import type { EncodedValue } from './stored-value.ts';

/** How `fill` stores, and under which snapshot the value was loaded. */
export interface DatabaseFillOptions extends FillOptions {
  /**
   * `SELECT pg_current_snapshot()::text` in the loader's own transaction, where that began before the lease (REPEATABLE
   * READ, SERIALIZABLE). On a standby `xmin:xmin:` with the `pg_snapshot_xmin` of it. What it may have missed is not stored.
   * @default the lease's own snapshot
   */
  readonly snapshot?: string;
}

/** Told how large a value is, with its key as it is stored. */
type OnBytes = (bytes: number, key: string) => void;

/** What is stored under a key, and how large its value is: 0 where none is shown. */
export interface SizedEntry {
  readonly entry: CacheEntry<unknown>;
  readonly bytes: number;
}

const SNAPSHOT = /^\d{1,19}:\d{1,19}:(?:\d{1,19}(?:,\d{1,19})*)?$/;

const NO_VALUE: EncodedValue = { json: null, hex: null, unchecked: null, bytes: 0 };

/**
 * The coherent load path. In a transaction nothing is leased or filled: a lease would be a row lock until its end, and a
 * fill might publish what is rolled back.
 */
export class LeaseCalls {
  readonly #engine: CacheEngine;

  constructor(engine: CacheEngine) {
    this.#engine = engine;
  }

  getEntries(keys: readonly string[]): Promise<CacheEntry<unknown>[]> {
    return this.#entries('getEntries', this.#engine.keysOf(keys, 'getEntries'), undefined, undefined);
  }

  /** Likewise, each with the size of what was found. */
  async getSizedEntries(keys: readonly string[]): Promise<SizedEntry[]> {
    const resolved = this.#engine.keysOf(keys, 'getEntries');
    const sizes = new Map<string, number>();
    const entries = await this.#entries('getEntries', resolved, undefined, (bytes, key) => sizes.set(key, bytes));
    return entries.map((entry, index) => ({ entry, bytes: sizes.get(resolved[index] as string) ?? 0 }));
  }

  async getOrLease(key: string, options: LeaseOptions, onBytes: OnBytes): Promise<CacheEntry<unknown>> {
    const context = contextOf('getOrLease');
    const resolved = this.#engine.keyOf(key, 'getOrLease');
    const seconds = leaseInSecondsOf(options, context);
    const staleInSeconds = staleInSecondsOf(options, context);
    if (this.#engine.pool.isTransaction) {
      const [entry] = await this.#entries('getOrLease', [resolved], staleInSeconds, onBytes);
      return entry ?? { state: 'missing' };
    }
    const token = randomBytes(16).toString('hex');
    const { namespace } = this.#engine.options;
    const parameters = [resolved, token, String(seconds), namespace, String(options.evenIfFresh === true)];
    const { getOrLease } = this.#engine.statements.leases;
    const row = await this.#engine.writeKey('getOrLease', resolved, async () => parameters, getOrLease);
    const entry = await this.#decoded('getOrLease', resolved, row, staleInSeconds, onBytes);
    const isGranted = textAt(row, 11) === token;
    return isGranted && entry.state !== 'absent' ? { ...entry, lease: { key, token } } : entry;
  }

  async fill(lease: Lease, value: unknown, options: DatabaseFillOptions, onBytes: OnBytes): Promise<boolean> {
    const context = contextOf('fill');
    const resolved = this.#leaseKey(lease, 'fill');
    const lifetime = expirationOf(options, this.#engine.options.defaultExpiration, context);
    const tags = tagsOf(options, context);
    const staleInSeconds = staleInSecondsOf(options, context);
    const loadDurationMs = loadDurationMsOf(options, context);
    validateSnapshot(options.snapshot, context);
    const isAbsent = value === ABSENT;
    if (!isAbsent) validateValue(value, { ...context, key: lease.key });
    const encoded = isAbsent ? NO_VALUE : this.#engine.codec.encode(value, lease.key, context);
    if (this.#engine.pool.isTransaction) return false;
    const parameters = async (): Promise<(string | null)[]> => {
      const payload = await encoded;
      onBytes(payload.bytes, resolved);
      return [
        resolved,
        lease.token,
        itemElement(resolved, { value: payload, lifetime, tags }),
        lifetime === null || !staleInSeconds ? null : String(staleInSeconds),
        loadDurationMs === undefined ? null : String(Math.min(Math.round(loadDurationMs), 2_147_483_647)),
        String(isAbsent),
        options.snapshot ?? null,
        this.#engine.options.namespace,
      ];
    };
    const { fill } = this.#engine.statements.leases;
    return textAt(await this.#engine.writeKey('fill', resolved, parameters, fill), 1) === 'true';
  }

  async renew(lease: Lease, leaseInSeconds: number | undefined): Promise<boolean> {
    const resolved = this.#leaseKey(lease, 'renew');
    const options = leaseInSeconds === undefined ? undefined : { leaseInSeconds };
    const seconds = leaseInSecondsOf(options, contextOf('renew'));
    if (this.#engine.pool.isTransaction) return false;
    const parameters = [resolved, lease.token, String(seconds)];
    const { renew } = this.#engine.statements.leases;
    return numberAt(await this.#engine.writeKey('renew', resolved, async () => parameters, renew), 1) === 1;
  }

  async release(lease: Lease): Promise<void> {
    const resolved = this.#leaseKey(lease, 'release');
    if (this.#engine.pool.isTransaction) return;
    const { release } = this.#engine.statements.leases;
    await this.#engine.writeKey('release', resolved, async () => [resolved, lease.token], release);
  }

  async expireItem(key: string): Promise<boolean> {
    const resolved = this.#engine.keyOf(key, 'expireItem');
    const { statements, trailing, pool } = this.#engine;
    const { expire, logRemovals } = statements.writes;
    if (pool.isTransaction) {
      const logged = [JSON.stringify([resolved]), 'true', ...trailing];
      const row = await this.#engine.writeKey('expireItem', resolved, async () => logged, logRemovals);
      return textsAt(row, 1).length > 0;
    }
    const row = await this.#engine.writeKey('expireItem', resolved, async () => [resolved, ...trailing], expire);
    return numberAt(row, 1) === 1;
  }

  #leaseKey(lease: Lease, operation: 'fill' | 'renew' | 'release'): string {
    this.#engine.assertOpen(operation);
    if (typeof lease !== 'object' || lease === null || typeof lease.token !== 'string') {
      throw new CacheOptionError('A lease is what getOrLease granted.', contextOf(operation));
    }
    return this.#engine.keyOf(lease.key, operation);
  }

  async #entries(
    operation: CacheOperation,
    keys: readonly string[],
    staleInSeconds: number | undefined,
    onBytes: OnBytes | undefined,
  ): Promise<CacheEntry<unknown>[]> {
    const { order } = this.#engine;
    const distinct = [...new Set(keys)];
    const before = distinct.flatMap((key) => order.beforeRead(key) ?? []);
    const reading = this.#entriesAfter(before, operation, distinct, staleInSeconds, onBytes);
    const entries = await order.whileReading(distinct, reading);
    return keys.map((key) => entries.get(key) ?? { state: 'missing' });
  }

  async #entriesAfter(
    before: readonly InFlight[],
    operation: CacheOperation,
    distinct: readonly string[],
    staleInSeconds: number | undefined,
    onBytes: OnBytes | undefined,
  ): Promise<Map<string, CacheEntry<unknown>>> {
    const { options, prefix, runner, statements } = this.#engine;
    const entries = new Map<string, CacheEntry<unknown>>();
    for (const { settled } of before) await settled;
    for (let start = 0; start < distinct.length; start += options.maxBatchSize) {
      const parameters = [prefix, JSON.stringify(distinct.slice(start, start + options.maxBatchSize))];
      for (const row of await runner.call(operation, statements.reads.entries, parameters, options.readTimeoutMs)) {
        const key = textAt(row, 1) ?? '';
        entries.set(key, await this.#decoded(operation, key, row, staleInSeconds, onBytes));
      }
    }
    return entries;
  }

  async #decoded(
    operation: CacheOperation,
    key: string,
    row: Row,
    staleInSeconds: number | undefined,
    onBytes: OnBytes | undefined,
  ): Promise<CacheEntry<unknown>> {
    const { namespace } = this.#engine.options;
    const found = textAt(row, 1);
    if (found !== undefined && (found !== key || found === '')) {
      this.#engine.observer.onCorruption(operation, this.#engine.runner.foreignKey());
      return { state: 'missing' };
    }
    if (!showsValue(row, staleInSeconds)) return entryOf(row, namespace, undefined, false);
    const [value, payload] = contentOf(row);
    onBytes?.(payloadBytes(value, payload), key);
    try {
      return entryOf(row, namespace, await this.#engine.codec.decode(value, payload), true);
    } catch (error) {
      this.#engine.dropCorrupt(operation, error as CacheError, key, value, payload);
      return { state: 'missing' };
    }
  }
}

function validateSnapshot(snapshot: string | undefined, context: CacheErrorContext): void {
  if (snapshot === undefined || (typeof snapshot === 'string' && SNAPSHOT.test(snapshot))) return;
  throw new CacheOptionError('snapshot is the text of pg_current_snapshot(), such as 10:20:10,14.', context);
}
