import type { Sql, TransactionSql } from 'postgres';
import type { Route } from './connection-lane.ts';
import type { LateStatement } from './suspect.ts';

/** A statement that was handed to postgres.js, with what the types do not say. */
export interface SentStatement {
  /** The connection that it went over: until there is one the statement waits in the driver, and nothing was sent. */
  readonly state?: { readonly pid?: number | null } | null;
  /** True while its answer is the next on that connection. */
  readonly active?: boolean;
  /** What goes over it, made of these only then. */
  strings?: readonly string[];
  args?: readonly unknown[];
}

/** A statement that was not answered in time. */
export interface ExpiredStatement extends LateStatement {
  readonly sent: SentStatement;
  /** What it was given to. */
  readonly used: Sql | TransactionSql;
}

/** True if the server may know of it. */
export function isSent(statement: SentStatement): boolean {
  return statement.state !== null && statement.state !== undefined;
}

/**
 * Makes nothing of a write that still waits for a connection. It cannot be taken back: postgres.js loses the connection
 * that a cancelled statement was waiting for.
 */
export function disarm(write: SentStatement): void {
  if (isSent(write) || write.args === undefined) return;
  write.strings = ['SELECT $1::text'];
  write.args = write.args.slice(0, 1);
}

/** Where a cache's statements run. */
export interface DatabasePool {
  /** The postgres.js instance or transaction to use now, for what is not routed. */
  readonly sql: Sql | TransactionSql;
  /** Where a statement goes that sends or awaits about so many bytes; it says there when it is answered. */
  enter(isWrite: boolean, bytes: number): Route;
  /** False for an instance that was replaced. */
  holds(sql: Sql | TransactionSql): boolean;
  /** True if the cache made it, and ends it. */
  readonly isOwn: boolean;
  /** True inside a caller's transaction: an error there ends the transaction, so nothing is tried again. */
  readonly isTransaction: boolean;
  /** Another number than before once a connection was made anew, or, of a pool that is not the cache's own, found lost. */
  readonly connectionEpoch: number;
  /** What a write has to wait for before it is sent, if anything: ask again then. */
  readonly writesAllowed: Promise<void> | undefined;
  /**
   * A call was not answered in time: its connection may be dead, and a write on it may still be carried out.
   *
   * @param expired left out if it had come to no connection
   */
  distrust(expired: ExpiredStatement | undefined): void;
  /** The server, or the network, let no new connection be made for a statement that was given to `used`. */
  connectionRefused(used: Sql | TransactionSql): void;
  /** A statement that was given to `used` lost its connection. Of a write that was sent nobody knows whether it is carried out. */
  connectionLost(used: Sql | TransactionSql, lostWrite: SentStatement | undefined): void;
  /** The connection to this server process gives one statement's rows to another. Fulfils when it has ended, or cannot be. */
  discard(serverProcess: number): Promise<void>;
  /** Begins anew with its connections, or without those that are dead. False if it cannot. */
  renew(): boolean | Promise<boolean>;
  /** Ends what the pool made itself. */
  close(): Promise<void>;
}

/** The one way there is into a pool that is not the cache's own. */
export function onlyRoute(sql: Sql | TransactionSql): Route {
  return { sql, hold() {}, leave() {} };
}

/** A caller's transaction. */
export class TransactionPool implements DatabasePool {
  readonly sql: TransactionSql;
  readonly isOwn = false;
  readonly isTransaction = true;
  readonly connectionEpoch = 0;
  readonly writesAllowed = undefined;
  readonly #route: Route;

  constructor(sql: TransactionSql) {
    this.sql = sql;
    this.#route = onlyRoute(sql);
  }

  enter(): Route {
    return this.#route;
  }

  holds(): boolean {
    return true;
  }

  distrust(): void {}
  connectionRefused(): void {}
  connectionLost(): void {}
  renew(): boolean {
    return false;
  }
  async discard(): Promise<void> {}
  async close(): Promise<void> {}
}
