import { CacheCorruptionError, type CacheError, CacheTimeoutError, CacheUnavailableError } from '@cache/core';
import type { Pending } from './connection-lane.ts';
import { type DatabasePool, isSent, type SentStatement } from './database-pool.ts';
import { Deadline } from './deadline.ts';
import { cacheErrorOf, isConnectionLost, isConnectionRefused, isForeign, isTransient } from './driver-error.ts';
import type { Relations } from './relations.ts';
import type { Statement } from './statement.ts';

/** The columns of a row after the first, as PostgreSQL sent their text. */
export type Row = readonly (Buffer | null)[];

/** What a statement takes after its first parameter. */
export type Parameters = readonly (string | null)[];

/** How often a statement that may be repeated is sent at most: a pool may hold more than one dead connection. */
const MOST_ATTEMPTS = 5;

/** So long after a first failure a statement is sent again; twice as long after each other. Closed connections are told apart by then. */
const FIRST_PAUSE_MS = 5;

const PREPARE = { prepare: true };

interface Reply extends ReadonlyArray<Row>, SentStatement {}

/** What postgres.js has of `forEach` for rows that are raw. */
interface RowSource {
  forEach(onRow: (row: Row) => void): unknown;
}

/** What a runner reports to. */
export interface RunnerEffects {
  /** A statement failed for good. */
  readonly onFailure: (error: CacheError) => void;
}

/**
 * Sends statements and makes sure that each answer is its own.
 *
 * postgres.js matches replies to queries by their order alone, and that order can slip: when an application's query on
 * the same connection throws in a serialiser, and when a lost prepared statement is retried behind others. So each
 * execution carries a number that its rows must carry too. A row with another number belongs to another query: it is
 * thrown away, the connection is ended, and a statement that may be repeated is.
 */
export class StatementRunner {
  readonly #pool: DatabasePool;
  readonly #relations: Relations;
  readonly #maxPending: number;
  readonly #effects: RunnerEffects;
  readonly #name = Math.random().toString(36).slice(2, 10);
  #executions = 0;
  #pending = 0;

  constructor(pool: DatabasePool, relations: Relations, maxPending: number, effects: RunnerEffects) {
    this.#pool = pool;
    this.#relations = relations;
    this.#maxPending = maxPending;
    this.#effects = effects;
  }

  /**
   * Counts one more call that waits for the server. What the driver still holds counts after its caller's deadline too:
   * a silent server costs so much memory and no more.
   *
   * @throws CacheUnavailableError when too many wait
   */
  admit(operation: string): void {
    if (this.#pending >= this.#maxPending) {
      throw new CacheUnavailableError(`${this.#maxPending} calls wait for PostgreSQL: see maxPending.`, {
        operation,
        backend: 'postgres',
      });
    }
    this.#pending += 1;
  }

  /** So many calls wait no longer. */
  dismiss(calls: number): void {
    this.#pending -= calls;
  }

  /** The error for a call that got no answer in time. */
  timeout(operation: string, timeoutMs: number, isWrite: boolean): CacheTimeoutError {
    const error = new CacheTimeoutError(`PostgreSQL did not answer within ${timeoutMs} ms.`, {
      operation,
      backend: 'postgres',
      ambiguous: isWrite,
    });
    this.#effects.onFailure(error);
    return error;
  }

  /** Tells the pool that this was not answered in time. */
  distrust({ sent, used, timeoutMs }: Deadline, isWrite: boolean): void {
    this.#pool.distrust(sent && used && { sent, used, isWrite, timeoutMs });
  }

  /**
   * The rows of a statement.
   *
   * @throws the driver's error, for callers that tell data errors from others; {@link explain} makes it core's
   */
  execute(statement: Statement, parameters: Parameters, deadline: Deadline): Promise<readonly Row[]> {
    return this.#execute(statement, parameters, deadline, 0, undefined);
  }

  /**
   * Hands over each row of a read as it comes, while the server works on the next. If the connection is lost on the way
   * the statement is sent again, and rows that came come a second time.
   *
   * @param expectedBytes about how much it reads
   * @throws as {@link execute}
   */
  async stream(
    statement: Statement,
    parameters: Parameters,
    deadline: Deadline,
    expectedBytes: number,
    onRow: (row: Row) => void,
  ): Promise<void> {
    await this.#execute(statement, parameters, deadline, expectedBytes, onRow);
  }

  async #execute(
    statement: Statement,
    parameters: Parameters,
    deadline: Deadline,
    expectedBytes: number,
    onRow: ((row: Row) => void) | undefined,
  ): Promise<readonly Row[]> {
    const { isWrite } = statement;
    const bytes = isWrite ? lengthOf(parameters) : expectedBytes;
    const attempts = statement.isIdempotent && !this.#pool.isTransaction ? MOST_ATTEMPTS : 1;
    let failure: unknown;
    for (let attempt = 1; ; attempt += 1) {
      if (isWrite && this.#pool.writesAllowed !== undefined) await this.#writesAllowed(deadline, failure);
      if (deadline.isOver) throw this.#abandoned(statement);
      this.#executions += 1;
      const number = `${this.#name}${this.#executions}`;
      const route = this.#pool.enter(isWrite, bytes);
      const { sql } = route;
      const query = sql.unsafe(statement.text, [number, ...parameters], PREPARE).raw();
      const pending = query as unknown as Pending;
      deadline.sent = pending;
      deadline.used = sql;
      route.hold(pending);
      let isMixedUp = false;
      if (onRow !== undefined) {
        let isFirst = true;
        (query as unknown as RowSource).forEach((row) => {
          if (isFirst) isMixedUp = !isNumbered(row, number);
          isFirst = false;
          if (!isMixedUp) onRow(row);
        });
      }
      try {
        let reply: Reply;
        try {
          reply = (await query) as unknown as Reply;
        } finally {
          route.leave(pending, isWrite, bytes);
        }
        if (!isMixedUp && isAnswerTo(number, reply, statement)) return reply;
        await this.#discardConnection(reply);
      } catch (error) {
        if (isConnectionRefused(error)) this.#pool.connectionRefused(sql);
        // Its connection was given up before there was one: nothing was sent.
        if (!isSent(pending) && !this.#pool.holds(sql)) continue;
        if (isForeign(error)) await this.#discardConnection(pending);
        if (isConnectionLost(error)) this.#pool.connectionLost(sql, isWrite && isSent(pending) ? pending : undefined);
        if (attempt >= attempts || deadline.isOver || !isTransient(error)) throw error;
        failure = error;
        await pause(FIRST_PAUSE_MS * 2 ** (attempt - 1));
        continue;
      }
      if (attempt >= attempts) throw this.#mixedUp(statement);
    }
  }

  /** The one row that a write, or a read of one row, answers. */
  async executeOne(statement: Statement, parameters: Parameters, deadline: Deadline): Promise<Row> {
    const row = (await this.execute(statement, parameters, deadline))[0];
    if (row === undefined) throw this.#mixedUp(statement);
    return row;
  }

  /**
   * One statement for one call, within the deadline.
   *
   * @throws what core has for it, as a rejection
   */
  async call(
    operation: string,
    statement: Statement,
    parameters: Parameters,
    timeoutMs: number,
  ): Promise<readonly Row[]> {
    this.admit(operation);
    return new Promise((resolve, reject) => {
      const deadline = new Deadline(timeoutMs, () => {
        reject(this.timeout(operation, timeoutMs, statement.isWrite));
        this.distrust(deadline, statement.isWrite);
      });
      this.execute(statement, parameters, deadline)
        .then(resolve, (error: unknown) => {
          if (!deadline.isOver) reject(this.explain(error, operation, statement.isWrite));
        })
        .finally(() => {
          deadline.clear();
          this.dismiss(1);
        });
    });
  }

  /** Likewise for a statement that answers one row. */
  async callOne(operation: string, statement: Statement, parameters: Parameters, timeoutMs: number): Promise<Row> {
    const row = (await this.call(operation, statement, parameters, timeoutMs))[0];
    if (row === undefined) throw this.#mixedUp(statement);
    return row;
  }

  /** Core's error for whatever `execute` threw. It is reported once, here. */
  explain(error: unknown, operation: string, isWrite: boolean): CacheError {
    const explained = isCacheError(error)
      ? ofCall(error, operation)
      : cacheErrorOf(error, { operation, isWrite, relations: this.#relations, isOwnPool: this.#pool.isOwn });
    this.#effects.onFailure(explained);
    return explained;
  }

  /** The error for a row whose stored key is not the one that its hash stands for. */
  foreignKey(): CacheCorruptionError {
    return new CacheCorruptionError('A row holds another key than its hash says.', {
      operation: 'get',
      backend: 'postgres',
    });
  }

  /**
   * No late write may come after this one.
   *
   * @param failure of the attempt before, if there was one: that may have happened
   */
  async #writesAllowed(deadline: Deadline, failure: unknown): Promise<void> {
    let over = this.#pool.writesAllowed;
    while (over !== undefined && !deadline.isOver) {
      try {
        await over;
      } catch (error) {
        throw failure ?? error;
      }
      over = this.#pool.writesAllowed;
    }
  }

  /** What is tried again then goes over another connection. */
  async #discardConnection(used: SentStatement | undefined): Promise<void> {
    const serverProcess = used?.state?.pid;
    if (typeof serverProcess === 'number') await this.#pool.discard(serverProcess);
  }

  #abandoned({ name, isWrite }: Statement): CacheError {
    return new CacheTimeoutError('The deadline passed before the statement was sent.', {
      operation: name,
      backend: 'postgres',
      ambiguous: isWrite,
    });
  }

  #mixedUp({ name }: Statement): CacheError {
    return new CacheCorruptionError(
      'The driver answered with the rows of another query. They were thrown away and the connection is ended.',
      { operation: name, backend: 'postgres' },
    );
  }
}

/** A read may have no row: then there is nothing that could be another's. */
function isAnswerTo(number: string, reply: Reply, { isWrite }: Statement): boolean {
  const first = reply[0];
  return first === undefined ? !isWrite : isNumbered(first, number);
}

function isNumbered([column]: Row, number: string): boolean {
  return Buffer.isBuffer(column) && column.toString('latin1') === number;
}

function lengthOf(parameters: Parameters): number {
  let length = 0;
  for (const parameter of parameters) length += parameter?.length ?? 0;
  return length;
}

function pause(ms: number): Promise<void> {
  return new Promise((resume) => setTimeout(resume, ms));
}

function isCacheError(error: unknown): error is CacheError {
  const code = typeof error === 'object' && error !== null ? (error as { code?: unknown }).code : undefined;
  return typeof code === 'string' && code.startsWith('ERR_CACHE_');
}

/** What the pool refuses, it refuses to many calls at once: each has an error that names itself. */
function ofCall(error: CacheError, operation: string): CacheError {
  if (error.operation !== undefined || error.code !== 'ERR_CACHE_UNAVAILABLE') return error;
  return new CacheUnavailableError(error.message, { operation, backend: 'postgres', cause: error.cause });
}
