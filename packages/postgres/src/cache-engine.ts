import {
  CacheClosedError,
  type CacheError,
  type CacheOperation,
  CacheTimeoutError,
  jsonSerializer,
  resolveKey,
  validateKeyList,
  withDeadline,
} from '@cache/core';
import { contextOf } from './call-context.ts';
import { CallObserver } from './call-observer.ts';
import { type DatabaseCacheOptions, type ResolvedOptions, resolveOptions } from './database-cache-options.ts';
import type { DatabasePool } from './database-pool.ts';
import { type LeaseStatements, leaseStatements } from './lease-statements.ts';
import { type MaintenanceStatements, maintenanceStatements } from './maintenance-statements.ts';
import { predicatesOn } from './predicates.ts';
import { type InFlight, ProgramOrder } from './program-order.ts';
import { type ReadStatements, readStatements } from './read-statements.ts';
import { relationsOf } from './relations.ts';
import { textAt } from './row.ts';
import type { Statement } from './statement.ts';
import { type Parameters, type Row, StatementRunner } from './statement-runner.ts';
import { ValueCodec } from './stored-value.ts';
import { type WriteStatements, writeStatements } from './write-statements.ts';

/** What the tables' names and the options make of the statements. */
export interface Statements {
  readonly reads: ReadStatements;
  readonly writes: WriteStatements;
  readonly leases: LeaseStatements;
  readonly maintenance: MaintenanceStatements;
}

/** What only looks, and so has the deadline of a read and can never have happened. */
const READS: ReadonlySet<CacheOperation> = new Set(['get', 'exists', 'getTtl', 'inspect', 'getEntries'] as const);

/** What all groups of calls on one cache share: its statements, how they are sent, and the order of each key's calls. */
export class CacheEngine {
  readonly options: ResolvedOptions;
  readonly pool: DatabasePool;
  readonly statements: Statements;
  readonly observer: CallObserver;
  readonly runner: StatementRunner;
  readonly codec: ValueCodec;
  readonly order: ProgramOrder;
  /** What goes before keys, in hexadecimal digits. */
  readonly prefix: string;
  /** What follows the keys in a write: the namespace, and the origin where events are told. */
  readonly trailing: Parameters;
  /** Every call from now on is refused. */
  isClosed = false;

  /**
   * @param readsOf the reads of a key that are queued or under way
   * @throws CacheOptionError
   */
  constructor(pool: DatabasePool, options: DatabaseCacheOptions, readsOf: (key: string) => InFlight[]) {
    const relations = relationsOf(options);
    const resolved = resolveOptions(options);
    const { namespace, origin, serializer } = resolved;
    const predicates = predicatesOn(relations);
    const variant = { keepsPlainKeys: resolved.keepsPlainKeys, tellsEvents: origin !== undefined };
    this.options = resolved;
    this.pool = pool;
    this.prefix = namespace === '' ? '' : Buffer.from(`${namespace}\0`, 'latin1').toString('hex');
    this.trailing = origin === undefined ? [namespace] : [namespace, origin];
    this.statements = {
      reads: readStatements(relations, predicates),
      writes: writeStatements(relations, predicates, variant),
      leases: leaseStatements(relations, predicates, variant),
      maintenance: maintenanceStatements(relations, predicates),
    };
    this.observer = new CallObserver(options.hooks, resolved.name);
    this.runner = new StatementRunner(pool, relations, resolved.maxPending, this.observer);
    this.codec = new ValueCodec(serializer ?? jsonSerializer(), serializer === undefined, resolved.maxValueBytes);
    this.order = new ProgramOrder(readsOf);
  }

  /** @throws CacheClosedError */
  assertOpen(operation: CacheOperation): void {
    if (this.isClosed) throw new CacheClosedError('The cache is closed.', contextOf(operation));
  }

  /** The key as it is stored. @throws CacheKeyError, CacheClosedError */
  keyOf(key: string, operation: CacheOperation): string {
    if (this.isClosed) this.assertOpen(operation);
    return resolveKey(key, this.options.keyTransformer, contextOf(operation));
  }

  /** Likewise for many. @throws CacheOptionError for what is no array */
  keysOf(keys: readonly string[], operation: CacheOperation): string[] {
    this.assertOpen(operation);
    validateKeyList(keys, contextOf(operation));
    return keys.map((key) => this.keyOf(key, operation));
  }

  /** Runs a call after others of its key, within one deadline for both the wait and the call. */
  after<T>(operation: CacheOperation, key: string, before: InFlight, start: () => Promise<T>): Promise<T> {
    const isRead = READS.has(operation);
    const timeoutMs = isRead ? this.options.readTimeoutMs : this.options.writeTimeoutMs;
    let isOver = false;
    const work = this.order.runAfter(key, before, () => {
      if (isOver) throw new CacheTimeoutError('The deadline passed before the call was sent.', contextOf(operation));
      return start();
    });
    return withDeadline(work, timeoutMs, () => {
      isOver = true;
      return this.runner.timeout(operation, timeoutMs, !isRead);
    });
  }

  /** The row of a read that is not gathered with others, if it is this key's. */
  async readRow(
    operation: CacheOperation,
    key: string,
    statement: Statement,
    parameters: Parameters,
  ): Promise<Row | undefined> {
    const before = this.order.beforeRead(key);
    const call = (): Promise<readonly Row[]> =>
      this.runner.call(operation, statement, [this.prefix, ...parameters], this.options.readTimeoutMs);
    const [row] = await (before === undefined
      ? this.order.whileReading([key], call())
      : this.after(operation, key, before, call));
    if (row === undefined || textAt(row, 1) === key) return row;
    this.observer.onCorruption(operation, this.runner.foreignKey());
    return undefined;
  }

  /** The row of a write that is not gathered with others, in its turn. */
  writeKey(
    operation: CacheOperation,
    key: string,
    parameters: () => Promise<Parameters>,
    statement: Statement,
  ): Promise<Row> {
    const call = async (): Promise<Row> => this.writeRow(operation, statement, await parameters());
    const before = this.order.beforeWrite(key);
    return before === undefined ? this.order.runAfter(key, undefined, call) : this.after(operation, key, before, call);
  }

  /** The row of a write that has no key. */
  writeRow(operation: CacheOperation, statement: Statement, parameters: Parameters): Promise<Row> {
    return this.runner.callOne(operation, statement, [this.prefix, ...parameters], this.options.writeTimeoutMs);
  }

  /** A row that cannot be read is reported, and removed if it still holds the same. */
  dropCorrupt(
    operation: CacheOperation,
    error: CacheError,
    key: string,
    value: Buffer | null,
    payload: Buffer | null,
  ): void {
    this.observer.onCorruption(operation, error);
    if (this.pool.isTransaction || this.isClosed || (value === null && payload === null)) return;
    const { removeIfEquals } = this.statements.writes;
    const [namespace = '', ...origin] = this.trailing;
    const parameters = [
      key,
      namespace,
      value?.toString('utf8') ?? null,
      payload?.toString('latin1') ?? null,
      ...origin,
    ];
    this.writeRow('removeIfEquals', removeIfEquals, parameters).catch(() => {});
  }
}
