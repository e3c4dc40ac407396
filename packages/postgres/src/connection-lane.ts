import type { PendingQuery, Row, Sql, TransactionSql } from 'postgres';
import { isSent, type SentStatement } from './database-pool.ts';
import type { OwnedDriver } from './owned-driver.ts';

/** A statement as postgres.js has it. */
export type Pending = SentStatement & Pick<PendingQuery<Row[]>, 'cancel'>;

/** Where a statement is sent. */
export interface Route {
  readonly sql: Sql | TransactionSql;
  /** The statement was given to `sql`. */
  hold(statement: Pending): void;
  /** It is answered, or has failed. */
  leave(statement: Pending, isWrite: boolean, bytes: number): void;
}

/**
 * Beyond this much under way a connection is left alone where another has less. Below, two server processes that read at
 * once gain less than they take from whoever else needs the processors: this process parses each row while the server
 * reads the next one.
 */
const BUSY_BYTES = 524_288;

/** What a statement counts for at least. */
const STATEMENT_BYTES = 1_024;

/** So long after the server let no connection be made, one is tried again if there is another way. */
const REFUSAL_MS = 1_000;

/** One connection, and what is under way on it. */
export class ConnectionLane implements Route {
  readonly driver: OwnedDriver;
  readonly #underWay = new Set<Pending>();
  readonly #avoidedUntil: number;
  #bytes = 0;
  #writes = 0;

  constructor(driver: OwnedDriver, isAfterRefusal: boolean) {
    this.driver = driver;
    this.#avoidedUntil = isAfterRefusal ? performance.now() + REFUSAL_MS : 0;
  }

  get sql(): Sql {
    return this.driver.sql;
  }

  enter(isWrite: boolean, bytes: number): void {
    if (isWrite) this.#writes += 1;
    this.#bytes += bytes + STATEMENT_BYTES;
  }

  hold(statement: Pending): void {
    this.#underWay.add(statement);
  }

  leave(statement: Pending, isWrite: boolean, bytes: number): void {
    this.#underWay.delete(statement);
    if (isWrite) this.#writes -= 1;
    this.#bytes -= bytes + STATEMENT_BYTES;
  }

  /** The server processes that have a statement of this lane, whether somebody still waits for it or not. */
  get serverProcesses(): number[] {
    return [...this.#underWay].flatMap(({ state }) => (typeof state?.pid === 'number' ? [state.pid] : []));
  }

  /**
   * Rejects the statements that wait for a connection, once no other is sent here: a driver that is ended sends some of
   * them, late, and never answers the others.
   */
  recall(): void {
    for (const statement of this.#underWay) if (!isSent(statement)) statement.cancel();
  }

  /** A write may wait for a lock or for the disk, and whatever was sent after it on the connection waits with it. */
  isBetterThan(other: ConnectionLane): boolean {
    if (this.#isAvoided !== other.#isAvoided) return other.#isAvoided;
    if (this.#writes !== other.#writes) return this.#writes < other.#writes;
    return this.#bytes < other.#bytes && other.#bytes > BUSY_BYTES;
  }

  get #isAvoided(): boolean {
    return this.#avoidedUntil !== 0 && performance.now() < this.#avoidedUntil;
  }
}

/**
 * The connection for a statement. While there is little to do, all reads go over the first and all writes over the last:
 * one server process that stays awake answers sooner than two that take turns. What is much is spread.
 */
export function laneFor(lanes: readonly ConnectionLane[], isWrite: boolean): ConnectionLane {
  const last = lanes.length - 1;
  let best = lanes[isWrite ? last : 0] as ConnectionLane;
  for (let index = 1; index <= last; index += 1) {
    const lane = lanes[isWrite ? last - index : index] as ConnectionLane;
    if (lane.isBetterThan(best)) best = lane;
  }
  return best;
}
