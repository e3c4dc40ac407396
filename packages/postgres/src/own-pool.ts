import { CacheUnavailableError, redactedCause } from '@cache/core';
import type { Sql } from 'postgres';
import { type DatabasePool, endServerProcesses, type SentStatement } from './database-pool.ts';
import { OwnedDriver, type PoolSettings } from './owned-driver.ts';

/** Connections that fail their deadlines are replaced at most this often. */
const REPLACEMENT_INTERVAL_MS = 1_000;

/** How long the statements of a driver that was replaced may still take. */
const RETIREMENT_IN_SECONDS = 1;

/**
 * A pool that the cache made for itself.
 *
 * **Invariant.** A write that timed out is never carried out after a later write was acknowledged. A deadline is no
 * cancel: the statement may sit in a frozen process or in a delayed link. So the connections are given up, and before
 * the next write is sent, the server process that has the late one is ended.
 */
export class OwnPool implements DatabasePool {
  readonly isTransaction = false;
  readonly #open: () => OwnedDriver;
  /** Server processes that may still carry out a write. */
  readonly #lateWriters = new Set<number>();
  readonly #retired = new Set<OwnedDriver>();
  #driver: OwnedDriver;
  #ending: Promise<void> | undefined;
  #replacedAt = Number.NEGATIVE_INFINITY;
  #isClosed = false;

  constructor(url: string, settings: PoolSettings) {
    this.#open = () => new OwnedDriver(settings, url);
    this.#driver = this.#open();
  }

  get sql(): Sql {
    return this.#driver.sql;
  }

  get writesAllowed(): Promise<void> | undefined {
    if (this.#lateWriters.size === 0) return undefined;
    this.#ending ??= this.#endLateWriters().finally(() => {
      this.#ending = undefined;
    });
    return this.#ending;
  }

  distrust(sent: SentStatement | undefined, isWrite: boolean): void {
    if (this.#isClosed) return;
    const serverProcess = sent?.state?.pid;
    if (typeof serverProcess === 'number') {
      if (isWrite) this.#lateWriters.add(serverProcess);
      this.#driver.late.add(serverProcess);
    }
    this.renew();
  }

  /** At most once a second: younger connections are new enough. */
  renew(): boolean {
    const now = performance.now();
    if (!this.#isClosed && now - this.#replacedAt >= REPLACEMENT_INTERVAL_MS) {
      this.#replacedAt = now;
      this.#replace();
    }
    return true;
  }

  /**
   * postgres.js does not get over every lost connection: one that was being written to when it closed never connects
   * again, and the last error of one fails the first statement of the next. A new driver knows of neither.
   */
  connectionLost(used: Sql): void {
    if (!this.#isClosed && used === this.#driver.sql) this.#replace();
  }

  async discard(serverProcess: number): Promise<void> {
    if (this.#isClosed) return;
    this.#lateWriters.add(serverProcess);
    await this.writesAllowed?.catch(() => {});
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all([this.#driver, ...this.#retired].map((driver) => driver.end(RETIREMENT_IN_SECONDS)));
  }

  #replace(): void {
    const retired = this.#driver;
    this.#driver = this.#open();
    this.#retired.add(retired);
    void this.#retire(retired);
  }

  /** A statement that is still under way then, such as one that waits for a lock, must not go on for nobody. */
  async #retire(driver: OwnedDriver): Promise<void> {
    await driver.end(RETIREMENT_IN_SECONDS);
    this.#retired.delete(driver);
    if (driver.late.size > 0) await endServerProcesses(this.sql, [...driver.late]).catch(() => {});
  }

  async #endLateWriters(): Promise<void> {
    const serverProcesses = [...this.#lateWriters];
    try {
      await endServerProcesses(this.sql, serverProcesses);
    } catch (error) {
      throw new CacheUnavailableError('PostgreSQL cannot be reached to end a write that timed out.', {
        backend: 'postgres',
        cause: redactedCause(error),
      });
    }
    for (const serverProcess of serverProcesses) this.#lateWriters.delete(serverProcess);
  }
}
