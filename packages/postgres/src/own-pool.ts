import type { Sql } from 'postgres';
import { ConnectionLane, laneFor, type Route } from './connection-lane.ts';
import { type DatabasePool, disarm, type ExpiredStatement, type SentStatement } from './database-pool.ts';
import { LateStatements } from './late-statements.ts';
import type { OwnedDriver } from './owned-driver.ts';
import { endServerProcesses, SideConnection } from './side-connection.ts';

/** Connections that fail their deadlines are replaced at most this often. */
const REPLACEMENT_INTERVAL_MS = 1_000;

/** How long the statements of a driver that was replaced may still take. */
const RETIREMENT_IN_SECONDS = 1;

/** What an {@link OwnPool} is made of. */
export interface OwnPoolParts {
  /** Another driver of one connection, which tells of it. */
  readonly openDriver: (onConnection: () => void) => OwnedDriver;
  /** How many connections there are at most, one at least. */
  readonly maxConnections: number;
  /** A driver for a few statements, whose connection has nothing to do with the pool's. */
  readonly openSideDriver: () => OwnedDriver;
  /**
   * Where others keep what may still be carried out, if the order of writes has to hold across both.
   * @default its own
   */
  readonly late?: LateStatements;
}

/** How long the ending of a few server processes may take. */
const ENDING_LIMIT_MS = 2_000;

/**
 * A pool that the cache made for itself.
 *
 * **Invariant.** A write that timed out, or whose connection was lost, is never carried out after a later write was
 * acknowledged. So the connections are given up, and before the next write is sent, the server process that has the late
 * one is gone.
 */
export class OwnPool implements DatabasePool {
  readonly isOwn = true;
  readonly isTransaction = false;
  readonly #openLane: (isAfterRefusal: boolean) => ConnectionLane;
  readonly #openSide: (limitMs: number) => SideConnection;
  readonly #late: LateStatements;
  readonly #retired = new Set<OwnedDriver>();
  #lanes: readonly ConnectionLane[];
  #replacedAt = Number.NEGATIVE_INFINITY;
  #isClosed = false;
  #connectionEpoch = 0;

  constructor({ openDriver, maxConnections, openSideDriver, late }: OwnPoolParts) {
    const onConnection = (): void => {
      this.#connectionEpoch += 1;
    };
    // postgres.js lets nobody say over which connection of a pool a statement goes: each is a pool of its own.
    this.#openLane = (isAfterRefusal) => new ConnectionLane(openDriver(onConnection), isAfterRefusal);
    this.#openSide = (limitMs) => new SideConnection(openSideDriver(), limitMs);
    this.#late = late ?? new LateStatements(this.#openSide);
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
    return this.#late.writesOver;
  }

  distrust(expired: ExpiredStatement | undefined): void {
    const serverProcess = expired?.sent.state?.pid;
    if (expired?.isWrite) {
      disarm(expired.sent);
      this.#late.addLost(serverProcess);
    }
    if (this.#isClosed) return;
    // Whose it is nobody knows here; to the others it means nothing.
    if (typeof serverProcess === 'number') for (const { driver } of this.#lanes) driver.late.add(serverProcess);
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
  connectionLost(used: Sql, lostWrite: SentStatement | undefined): void {
    this.#late.addLost(lostWrite?.state?.pid);
    if (!this.#isClosed && this.holds(used)) this.#replace();
  }

  async discard(serverProcess: number): Promise<void> {
    if (this.#isClosed) return;
    this.#late.addLost(serverProcess);
    await this.#late.writesOver?.catch(() => {});
  }

  /** Gives up all connections, as if they were replaced, and fulfils when none is left. */
  retire(): Promise<void> {
    this.#isClosed = true;
    this.#giveUp(this.#lanes);
    return this.close();
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
    if (driver.late.size > 0) await endServerProcesses(this.#openSide(ENDING_LIMIT_MS), [...driver.late]);
  }
}
