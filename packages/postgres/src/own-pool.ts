import { CacheUnavailableError, redactedCause } from '@cache/core';
import type { Sql } from 'postgres';
import { ConnectionLane, laneFor, type Route } from './connection-lane.ts';
import { type DatabasePool, disarm, endServerProcesses, type SentStatement } from './database-pool.ts';
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
  readonly isOwn = true;
  readonly isTransaction = false;
  readonly #openLane: (isAfterRefusal: boolean) => ConnectionLane;
  /** Server processes that may still carry out a write. */
  readonly #lateWriters = new Set<number>();
  readonly #retired = new Set<OwnedDriver>();
  #lanes: readonly ConnectionLane[];
  #ending: Promise<void> | undefined;
  #replacedAt = Number.NEGATIVE_INFINITY;
  #isClosed = false;
  #connectionEpoch = 0;

  /** @param maxConnections how many of the connections that `settings` describe there are at most, one at least */
  constructor(url: string, settings: PoolSettings, maxConnections: number) {
    const onConnection = (): void => {
      this.#connectionEpoch += 1;
    };
    // postgres.js lets nobody say over which connection of a pool a statement goes: each is a pool of its own.
    this.#openLane = (isAfterRefusal) =>
      new ConnectionLane(new OwnedDriver({ ...settings, max: 1 }, url, onConnection), isAfterRefusal);
    this.#lanes = Array.from({ length: maxConnections }, () => this.#openLane(false));
  }

  get sql(): Sql {
    return (this.#lanes[0] as ConnectionLane).sql;
  }

  enter(isWrite: boolean, bytes: number): Route {
    const lane = laneFor(this.#lanes, isWrite);
    lane.enter(isWrite, bytes);
    return lane;
  }

  holds(sql: unknown): boolean {
    return this.#lanes.some((lane) => lane.sql === sql);
  }

  get connectionEpoch(): number {
    return this.#connectionEpoch;
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
    if (sent !== undefined && isWrite) disarm(sent);
    const serverProcess = sent?.state?.pid;
    if (typeof serverProcess === 'number') {
      if (isWrite) this.#lateWriters.add(serverProcess);
      // Whose it is nobody knows here; to the others it means nothing.
      for (const { driver } of this.#lanes) driver.late.add(serverProcess);
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

  /** A full server goes on answering on the connections that it has let in. */
  connectionRefused(used: Sql): void {
    const refused = this.#lanes.find((lane) => lane.sql === used);
    if (this.#isClosed || refused === undefined) return;
    if (!this.#lanes.some((lane) => lane !== refused && lane.driver.isOpen)) return;
    this.#lanes = this.#lanes.map((lane) => (lane === refused ? this.#openLane(true) : lane));
    this.#giveUp([refused]);
  }

  /**
   * postgres.js does not get over every lost connection: one that was being written to when it closed never connects
   * again, and the last error of one fails the first statement of the next. A new driver knows of neither.
   */
  connectionLost(used: Sql): void {
    if (!this.#isClosed && this.holds(used)) this.#replace();
  }

  async discard(serverProcess: number): Promise<void> {
    if (this.#isClosed) return;
    this.#lateWriters.add(serverProcess);
    await this.writesAllowed?.catch(() => {});
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const drivers = [...this.#lanes.map(({ driver }) => driver), ...this.#retired];
    await Promise.all(drivers.map((driver) => driver.end(RETIREMENT_IN_SECONDS)));
  }

  #replace(): void {
    const retired = this.#lanes;
    this.#lanes = retired.map(() => this.#openLane(false));
    this.#giveUp(retired);
  }

  /** What their statements under way are worth is seen in a second; those that only wait go over the others at once. */
  #giveUp(lanes: readonly ConnectionLane[]): void {
    for (const lane of lanes) {
      // One that was sent after its deadline is nobody's, and no deadline will name its server process.
      for (const serverProcess of lane.serverProcesses) lane.driver.late.add(serverProcess);
      this.#retired.add(lane.driver);
      void this.#retire(lane.driver);
      lane.recall();
    }
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
