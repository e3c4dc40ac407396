import type { Sql, TransactionSql } from 'postgres';
import type { Route } from './connection-lane.ts';
import {
  type DatabasePool,
  disarm,
  type ExpiredStatement,
  isSent,
  onlyRoute,
  type SentStatement,
} from './database-pool.ts';
import { LateStatements } from './late-statements.ts';
import { OwnedDriver } from './owned-driver.ts';
import { SIDE_SETTINGS, SideConnection, settingsLike } from './side-connection.ts';
import { StandIn } from './stand-in.ts';

/** How long whoever asks for a look at the connections waits for what it tells. */
const RENEWAL_LIMIT_MS = 450;

/** From one attempt to get a stand-in to the next. */
const RETRY_MS = 1_000;

/**
 * The postgres.js instance that an application handed over: used, never closed, and shared with its own queries. While a
 * connection of it leads nowhere, the cache's statements go over a {@link StandIn}.
 */
export class BorrowedPool implements DatabasePool {
  readonly sql: Sql;
  readonly isOwn = false;
  readonly isTransaction = false;
  readonly #late: LateStatements;
  readonly #route: Route;
  #standIn: StandIn | undefined;
  #beginning: Promise<void> | undefined;
  #ended: Promise<unknown> = Promise.resolve();
  #retry: NodeJS.Timeout | undefined;
  #epochs = 0;
  #isClosed = false;

  constructor(sql: Sql) {
    this.sql = sql;
    this.#route = onlyRoute(sql);
    const openSide = (limitMs: number): SideConnection =>
      new SideConnection(new OwnedDriver(settingsLike(sql, SIDE_SETTINGS)), limitMs);
    // A connection that was reserved does not say how it was made, and what is no instance is refused later.
    const isKnown = (sql as Partial<Sql> | undefined)?.options !== undefined;
    this.#late = new LateStatements(isKnown ? openSide : undefined, () => this.#replace());
  }

  enter(isWrite: boolean, bytes: number): Route {
    return this.#standIn === undefined ? this.#route : this.#standIn.pool.enter(isWrite, bytes);
  }

  holds(sql: Sql | TransactionSql): boolean {
    return sql === this.sql || this.#standIn?.pool.holds(sql) === true;
  }

  get writesAllowed(): Promise<void> | undefined {
    return this.#late.writesOver ?? this.#beginning;
  }

  get connectionEpoch(): number {
    return this.#epochs + (this.#standIn?.pool.connectionEpoch ?? 0);
  }

  distrust(expired: ExpiredStatement | undefined): void {
    if (expired === undefined) return;
    const { sent, used, isWrite } = expired;
    if (this.#standIn?.pool.holds(used)) this.#standIn.pool.distrust(expired);
    else if (used === this.sql && isSent(sent)) this.#late.add(sent, expired);
    else if (isWrite) {
      disarm(sent);
      this.#late.addLost(sent.state?.pid);
    }
  }

  /** A server that lets nobody in any more may still answer on what the application has. */
  connectionRefused(used: Sql): void {
    const { pool } = this.#standIn ?? {};
    if (!pool?.holds(used)) return;
    pool.connectionRefused(used);
    if (pool.holds(used)) this.#return();
  }

  connectionLost(used: Sql, lostWrite: SentStatement | undefined): void {
    this.#late.addLost(lostWrite?.state?.pid);
    if (used === this.sql) this.#epochs += 1;
    else this.#standIn?.pool.connectionLost(used, lostWrite);
  }

  /** Every reply on such a connection goes to the wrong query, the application's too: it has to end. */
  async discard(serverProcess: number): Promise<void> {
    this.#late.addLost(serverProcess);
    await this.#late.writesOver?.catch(() => {});
  }

  /** Looks at what has not answered. Behind a pooler there is nothing to be seen. */
  async renew(): Promise<boolean> {
    this.#standIn?.pool.renew();
    let timer: NodeJS.Timeout | undefined;
    const limit = new Promise<void>((pass) => {
      timer = setTimeout(pass, RENEWAL_LIMIT_MS);
    });
    const look = async (): Promise<void> => {
      await this.#late.check();
      await this.#beginning;
    };
    await Promise.race([look(), limit]);
    clearTimeout(timer);
    return !this.#late.isBlind;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#late.close();
    this.#return();
    await this.#beginning;
    await this.#ended;
  }

  #replace(): void {
    if (this.#standIn !== undefined || this.#isClosed) return;
    this.#beginning ??= this.#begin().finally(() => {
      this.#beginning = undefined;
    });
  }

  /** Never rejects. */
  async #begin(): Promise<void> {
    clearTimeout(this.#retry);
    const standIn = new StandIn({ sql: this.sql, late: this.#late, onOver: () => this.#return() });
    if ((await standIn.begin()) && this.#late.hasDead && !this.#isClosed) {
      this.#standIn = standIn;
      return;
    }
    this.#end(standIn);
    this.#tryLater();
  }

  #return(): void {
    const standIn = this.#standIn;
    if (standIn === undefined) return;
    this.#epochs += standIn.pool.connectionEpoch + 1;
    this.#standIn = undefined;
    this.#end(standIn);
    this.#tryLater();
  }

  #end(standIn: StandIn): void {
    this.#ended = Promise.all([this.#ended, standIn.end()]);
  }

  #tryLater(): void {
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => {
      if (this.#late.hasDead) this.#replace();
    }, RETRY_MS).unref();
  }
}
