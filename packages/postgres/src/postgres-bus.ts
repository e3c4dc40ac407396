import { randomBytes } from 'node:crypto';
import {
  type BusGap,
  CacheClosedError,
  CacheOptionError,
  CacheTimeoutError,
  CacheUnavailableError,
  type Invalidation,
  type InvalidationBus,
  type InvalidationListener,
  redactedCause,
  withDeadline,
} from '@cache/core';
import type { Sql } from 'postgres';
import { type BusStatements, busStatements } from './bus-statements.ts';
import { resolveOptions } from './database-cache-options.ts';
import { OwnedDriver, type PoolSettings } from './owned-driver.ts';
import { relationsOf, type TableOptions } from './relations.ts';
import { textAt } from './row.ts';
import type { Row } from './statement-runner.ts';
import { validateInstance } from './validate-client.ts';

/** How {@link postgresBus} works. */
export interface PostgresBusOptions extends TableOptions {
  /**
   * The namespace of the caches that it serves.
   * @default ''
   */
  readonly namespace?: string;
  /**
   * How often the log is read where nobody wakes the bus.
   * @default 250
   */
  readonly pollIntervalMs?: number;
  /**
   * How long one reading, or publishing, may take.
   * @default 500
   */
  readonly timeoutMs?: number;
}

/** A bus whose connection changes with every statement is behind a pooler: after so many changes it says so. */
const CHANGES_OF_A_POOLER = 3;

/**
 * An {@link InvalidationBus} over a log table, read through one connection of its own.
 *
 * NOTIFY only wakes readers up, outside of transactions: what counts is in the log. Give the bus to `DatabaseCache` too
 * (`bus`), and its invalidations write to the log in the same statement, those of `using(tx)` in the same transaction.
 *
 * @param sql whose settings the connection is made with; it must lead to the primary directly, not through PgBouncer
 * @throws CacheOptionError
 */
export function postgresBus(sql: Sql, options: PostgresBusOptions = {}): PostgresBus {
  return new PostgresBus(sql, options);
}

/** See {@link postgresBus}. */
export class PostgresBus implements InvalidationBus {
  readonly origin: string = randomBytes(12).toString('hex');
  readonly #open: () => OwnedDriver;
  readonly #statements: BusStatements;
  readonly #namespace: string;
  readonly #channel: string;
  readonly #pollIntervalMs: number;
  readonly #timeoutMs: number;
  readonly #listeners = new Set<InvalidationListener>();
  #driver: OwnedDriver;
  #snapshot: string | undefined;
  #serverProcess: string | undefined;
  #liveAtMs: number | undefined;
  #changes = 0;
  #hasWarned = false;
  #number = 0;
  #polling: Promise<void> | undefined;
  #isWoken = false;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(sql: Sql, options: PostgresBusOptions = {}) {
    validateInstance(sql);
    const { pollIntervalMs = 250, timeoutMs = 500 } = options;
    for (const [name, value] of Object.entries({ pollIntervalMs, timeoutMs })) {
      if (typeof value === 'number' && value >= 1 && value <= 60_000) continue;
      throw new CacheOptionError(`${name} is a number of milliseconds from 1 to 60000.`, { backend: 'postgres' });
    }
    const relations = relationsOf(options);
    this.#namespace = resolveOptions(options).namespace;
    this.#statements = busStatements(relations);
    this.#channel = `"${relations.table}_event"`;
    this.#pollIntervalMs = pollIntervalMs;
    this.#timeoutMs = timeoutMs;
    this.#open = () => this.#connection(sql);
    this.#driver = this.#open();
  }

  get liveAtMs(): number | undefined {
    return this.#isClosed ? undefined : this.#liveAtMs;
  }

  async publish(invalidations: readonly Invalidation[]): Promise<void> {
    if (this.#isClosed) {
      throw new CacheClosedError('The bus is closed.', { operation: 'publish', backend: 'postgres' });
    }
    if (invalidations.length === 0) return;
    const events = invalidations.map((invalidation) => [invalidation.kind, subjectOf(invalidation)]);
    this.#number += 1;
    const number = String(this.#number);
    const parameters = [number, this.#namespace, this.origin, JSON.stringify(events)];
    try {
      const row = await this.#run(this.#statements.publish, parameters);
      if (row === undefined || textAt(row, 0) !== number) throw new Error('Another query was answered.');
      // Only a reader's delay hangs on it.
      this.#driver.sql.unsafe(`NOTIFY ${this.#channel}`).catch(() => {});
    } catch (error) {
      const context = { operation: 'publish', backend: 'postgres', cause: redactedCause(error), ambiguous: true };
      if (error instanceof PollTimeout) throw new CacheTimeoutError('PostgreSQL did not take the event.', context);
      throw new CacheUnavailableError('The event could not be published.', context);
    }
  }

  subscribe(listener: InvalidationListener): () => void {
    this.#listeners.add(listener);
    // A newcomer knows nothing of what was before, and is told so before anything else.
    listener.onGap('connected');
    this.#wake();
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size === 0) this.#rest();
    };
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#listeners.clear();
    this.#rest();
    await this.#driver.end(1);
  }

  #connection(sql: Sql): OwnedDriver {
    const settings = {
      ...sql.options,
      max: 1,
      connect_timeout: 2,
      idle_timeout: null,
      max_lifetime: null,
      fetch_types: false,
      prepare: false,
      backoff: (attempt: number) => Math.min(0.02 * 2 ** attempt, 0.5),
      onnotice: () => {},
      onclose: () => this.#onClosed(),
      onnotify: () => this.#wake(),
    };
    return new OwnedDriver(settings as unknown as PoolSettings);
  }

  /** Nobody listens: nothing is read, so nothing can be vouched for. */
  #rest(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#snapshot = undefined;
    this.#liveAtMs = undefined;
  }

  /** `liveAtMs` stays: it ages, and what it says is still true. */
  readonly #onClosed = (): void => {
    this.#serverProcess = undefined;
    if (this.#listeners.size > 0) this.#wake();
  };

  #wake(): void {
    if (this.#isClosed || this.#listeners.size === 0) return;
    if (this.#polling !== undefined) {
      this.#isWoken = true;
      return;
    }
    clearTimeout(this.#timer);
    this.#polling = this.#poll().finally(() => {
      this.#polling = undefined;
      if (this.#isClosed || this.#listeners.size === 0) return;
      this.#timer = setTimeout(() => this.#wake(), this.#isWoken ? 0 : this.#pollIntervalMs);
      this.#isWoken = false;
    });
  }

  async #poll(): Promise<void> {
    const sentAtMs = performance.now();
    const since = this.#snapshot;
    this.#number += 1;
    const number = String(this.#number);
    try {
      const row = await this.#run(this.#statements.poll, [number, this.#namespace, since ?? null]);
      if (row === undefined || textAt(row, 0) !== number) throw new Error('Another query was answered.');
      if (this.#listeners.size > 0 && !this.#isClosed) await this.#take(row, since, sentAtMs);
    } catch (error) {
      // Silence is no health: `liveAtMs` stays where it was. A connection that does not answer is given up.
      if (error instanceof PollTimeout && !this.#isClosed) this.#replaceConnection();
    }
  }

  async #take(row: Row, since: string | undefined, sentAtMs: number): Promise<void> {
    const serverProcess = textAt(row, 2);
    const isSame = serverProcess === this.#serverProcess;
    this.#snapshot = textAt(row, 1);
    if (isSame && since !== undefined && textAt(row, 3) === 'false') {
      this.#changes = 0;
      this.#deliver(JSON.parse(textAt(row, 4) ?? '[]') as [origin: string, kind: string, subject: string][]);
    } else {
      await this.#startOver(serverProcess, isSame, since);
    }
    this.#liveAtMs = sentAtMs;
  }

  /** The position has been read; now everything that was known before is forgotten. */
  async #startOver(serverProcess: string | undefined, isSame: boolean, since: string | undefined): Promise<void> {
    const isFirst = this.#serverProcess === undefined && since === undefined;
    this.#serverProcess = serverProcess;
    if (!isSame) {
      this.#changes += 1;
      if (this.#changes >= CHANGES_OF_A_POOLER) this.#warnOfPooler();
      await this.#run(`LISTEN ${this.#channel}`, []);
    }
    this.#gap(isFirst ? 'connected' : isSame ? 'trimmed' : 'reconnected');
  }

  #deliver(events: readonly (readonly [origin: string, kind: string, subject: string])[]): void {
    for (const [origin, kind, subject] of events) {
      const invalidation = invalidationOf(kind, subject);
      for (const listener of this.#listeners) {
        if (invalidation === undefined) listener.onGap('skipped');
        else listener.onInvalidation(invalidation, origin);
      }
    }
  }

  #gap(reason: BusGap): void {
    for (const listener of this.#listeners) listener.onGap(reason);
  }

  #replaceConnection(): void {
    const retired = this.#driver;
    this.#driver = this.#open();
    this.#serverProcess = undefined;
    void retired.end(0);
  }

  async #run(text: string, parameters: readonly (string | null)[]): Promise<Row | undefined> {
    const query = this.#driver.sql.unsafe(text, [...parameters]).raw();
    const rows = await withDeadline(Promise.resolve(query), this.#timeoutMs, () => new PollTimeout());
    return rows[0] as unknown as Row | undefined;
  }

  #warnOfPooler(): void {
    if (this.#hasWarned) return;
    this.#hasWarned = true;
    process.emitWarning(
      'The bus gets another server process with each statement, as behind PgBouncer: give it a direct connection.',
      { code: 'ERR_CACHE_OPTION' },
    );
  }
}

class PollTimeout extends Error {}

function subjectOf(invalidation: Invalidation): string {
  if (invalidation.kind === 'key') return invalidation.key;
  if (invalidation.kind === 'tag') return invalidation.tag;
  return invalidation.kind === 'clearPrefix' ? invalidation.prefix : '';
}

function invalidationOf(kind: string, subject: string): Invalidation | undefined {
  if (kind === 'key') return { kind, key: subject };
  if (kind === 'tag') return { kind, tag: subject };
  if (kind === 'clearPrefix') return { kind, prefix: subject };
  return kind === 'clear' ? { kind } : undefined;
}
