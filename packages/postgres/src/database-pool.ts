import type { Sql, TransactionSql } from 'postgres';

/** A statement that was handed to postgres.js; it knows its connection once it has one, and the types do not say so. */
export interface SentStatement {
  readonly state?: { readonly pid?: number | null } | null;
}

/** Where a cache's statements run. */
export interface DatabasePool {
  /** The postgres.js instance or transaction to use now. */
  readonly sql: Sql | TransactionSql;
  /** True inside a caller's transaction: an error there ends the transaction, so nothing is tried again. */
  readonly isTransaction: boolean;
  /** What a write has to wait for before it is sent, if anything. */
  readonly writesAllowed: Promise<void> | undefined;
  /** A statement was not answered in time: its connection may be dead, and a write on it may still be carried out. */
  distrust(sent: SentStatement | undefined, isWrite: boolean): void;
  /** The connection to this server process gives one statement's rows to another. */
  discard(serverProcess: number): void;
  /** Ends what the pool made itself. */
  close(): Promise<void>;
}

/** Ends a server process, so that no connection to it can be used, nor anything sent to it be carried out. */
export async function terminateServerProcesses(sql: Sql, serverProcesses: readonly number[]): Promise<void> {
  await sql
    .unsafe(
      `SELECT pg_terminate_backend(p::int) FROM jsonb_array_elements_text($1::text::jsonb) p
WHERE p::int IN (SELECT pid FROM pg_stat_activity WHERE usename = current_user)`,
      [JSON.stringify(serverProcesses)],
    )
    .raw();
}

/** The postgres.js instance that an application handed over: used, never closed, and shared with its own queries. */
export class BorrowedPool implements DatabasePool {
  readonly sql: Sql;
  readonly isTransaction = false;
  readonly writesAllowed = undefined;
  readonly #discarded = new Set<number>();

  constructor(sql: Sql) {
    this.sql = sql;
  }

  /** Others' queries may share the connection, so it is theirs to judge. */
  distrust(): void {}

  /** Every reply on such a connection goes to the wrong query, the application's too: it has to end. */
  discard(serverProcess: number): void {
    if (this.#discarded.has(serverProcess)) return;
    this.#discarded.add(serverProcess);
    terminateServerProcesses(this.sql, [serverProcess]).catch(() => this.#discarded.delete(serverProcess));
  }

  async close(): Promise<void> {}
}

/** A caller's transaction. */
export class TransactionPool implements DatabasePool {
  readonly sql: TransactionSql;
  readonly isTransaction = true;
  readonly writesAllowed = undefined;

  constructor(sql: TransactionSql) {
    this.sql = sql;
  }

  distrust(): void {}
  discard(): void {}
  async close(): Promise<void> {}
}
