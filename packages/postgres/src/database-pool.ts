import type { Sql, TransactionSql } from 'postgres';
import type { Route } from './connection-lane.ts';
import { OwnedDriver, type PoolSettings } from './owned-driver.ts';

/** A statement that was handed to postgres.js, with what the types do not say. */
export interface SentStatement {
  /** The connection that it went over: until there is one the statement waits in the driver, and nothing was sent. */
  readonly state?: { readonly pid?: number | null } | null;
  /** What goes over it, made of these only then. */
  strings?: readonly string[];
  args?: readonly unknown[];
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
  /** What a write has to wait for before it is sent, if anything. */
  readonly writesAllowed: Promise<void> | undefined;
  /** A statement was not answered in time: its connection may be dead, and a write on it may still be carried out. */
  distrust(sent: SentStatement | undefined, isWrite: boolean): void;
  /** The server, or the network, let no new connection be made for a statement that was given to `used`. */
  connectionRefused(used: Sql | TransactionSql): void;
  /** A statement that was sent through `used` lost its connection. */
  connectionLost(used: Sql | TransactionSql): void;
  /** The connection to this server process gives one statement's rows to another. Fulfils when it has ended, or cannot be. */
  discard(serverProcess: number): Promise<void>;
  /** Begins anew with its connections. False if they are not its own. */
  renew(): boolean;
  /** Ends what the pool made itself. */
  close(): Promise<void>;
}

/**
 * Ends server processes, so that no connection to them can be used, nor anything sent to them be carried out. It takes a
 * connection of its own with the settings of `sql`, whose own may all be broken, or busy with what is to be ended.
 *
 * @throws the driver's error
 */
export async function endServerProcesses(
  sql: Sql,
  serverProcesses: readonly number[],
  condition = 'true',
): Promise<void> {
  const own = { max: 1, connect_timeout: 2, fetch_types: false, prepare: false, onclose: () => {} };
  // postgres.js takes the options of one of its instances as they are, so every one of them has to be there.
  const side = new OwnedDriver({ ...sql.options, ...own } as unknown as PoolSettings);
  try {
    // Behind a pooler the driver knows of some number, which need not be one of a process.
    await side.sql
      .unsafe(
        `SELECT pg_terminate_backend(a.pid) FROM pg_stat_activity a WHERE a.usename = current_user AND ${condition}
AND a.pid::bigint = ANY (ARRAY(SELECT p::bigint FROM jsonb_array_elements_text($1::text::jsonb) p))`,
        [JSON.stringify(serverProcesses)],
      )
      .raw();
  } finally {
    void side.end(0);
  }
}

/** So long after a deadline a borrowed connection is looked at. */
const SUSPICION_MS = 1_000;

/** The one way there is into a pool that is not the cache's own. */
function onlyRoute(sql: Sql | TransactionSql): Route {
  return { sql, hold() {}, leave() {} };
}

/** The postgres.js instance that an application handed over: used, never closed, and shared with its own queries. */
export class BorrowedPool implements DatabasePool {
  readonly sql: Sql;
  readonly isOwn = false;
  readonly isTransaction = false;
  readonly writesAllowed = undefined;
  readonly #ending = new Map<number, Promise<void>>();
  readonly #route: Route;
  #lostConnections = 0;

  constructor(sql: Sql) {
    this.sql = sql;
    this.#route = onlyRoute(sql);
  }

  enter(): Route {
    return this.#route;
  }

  holds(): boolean {
    return true;
  }

  /**
   * Others' queries may share the connection, and may be what it is busy with. It is ended only if the server waits for
   * the driver there while the driver waits for the server: then nobody will ever be answered on it.
   */
  distrust(sent: SentStatement | undefined): void {
    const serverProcess = sent?.state?.pid;
    if (typeof serverProcess !== 'number' || !(sent instanceof Promise)) return;
    let isAnswered = false;
    const answered = (): void => {
      isAnswered = true;
    };
    sent.then(answered, answered);
    setTimeout(() => {
      if (!isAnswered)
        void this.#end(serverProcess, `wait_event = 'ClientRead' AND state_change < now() - interval '0.5 seconds'`);
    }, SUSPICION_MS).unref();
  }

  connectionRefused(): void {}

  connectionLost(): void {
    this.#lostConnections += 1;
  }

  get connectionEpoch(): number {
    return this.#lostConnections;
  }

  renew(): boolean {
    return false;
  }

  /** Every reply on such a connection goes to the wrong query, the application's too: it has to end. */
  discard(serverProcess: number): Promise<void> {
    return this.#end(serverProcess, 'true');
  }

  async close(): Promise<void> {}

  /** Ends it over a connection of its own: the pool may have no other than the broken one. */
  #end(serverProcess: number, condition: string): Promise<void> {
    let ending = this.#ending.get(serverProcess);
    if (ending === undefined) {
      ending = this.#endNow(serverProcess, condition).finally(() => this.#ending.delete(serverProcess));
      this.#ending.set(serverProcess, ending);
    }
    return ending;
  }

  async #endNow(serverProcess: number, condition: string): Promise<void> {
    try {
      await endServerProcesses(this.sql, [serverProcess], condition);
    } catch {
      // The server refuses or is gone; either way no more can be done about it.
    }
  }
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
