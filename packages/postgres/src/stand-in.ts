import { withDeadline } from '@cache/core';
import type { Sql } from 'postgres';
import { driverErrorCode, POOL_ENDED } from './driver-error.ts';
import type { LateStatements } from './late-statements.ts';
import { OwnPool } from './own-pool.ts';
import { OwnedDriver } from './owned-driver.ts';
import { SIDE_SETTINGS, settingsLike } from './side-connection.ts';

/** What a {@link StandIn} is made of. */
export interface StandInParts {
  /** The pool that it stands in for. */
  readonly sql: Sql;
  /** What may still be carried out, of both. */
  readonly late: LateStatements;
  /** The pool answers again, or was ended. */
  readonly onOver: () => void;
}

/** How many connections it has at most. */
const MAX_CONNECTIONS = 2;

/** How long the server may take to let the first one in. */
const READY_LIMIT_MS = 1_000;

/** The time between two questions whether the pool answers. */
const PROBE_INTERVAL_MS = 1_000;

/**
 * A small pool of the cache's own, used while connections of the pool that it was given lead nowhere: those are not the
 * cache's to close, and the driver gives statements to them for as long as they are open.
 *
 * **Invariant.** What holds for the writes of one pool holds across the switch, there and back: no write that was given up
 * is carried out after a later one was acknowledged. The breaking order: a set lies in a link of the pool, the stand-in
 * acknowledges a removal, the link goes on; and the same on the way back. So both keep what is late in one place, which a
 * write on either waits for. The calls of one key need nothing else: one is sent when the one before it has settled.
 */
export class StandIn {
  readonly pool: OwnPool;
  readonly #parts: StandInParts;
  #timer: NodeJS.Timeout | undefined;
  #isProbing = false;

  constructor(parts: StandInParts) {
    const { sql, late } = parts;
    const settings = {
      max: 1,
      connect_timeout: 2,
      fetch_types: false,
      backoff: (attempt: number) => Math.min(0.02 * 2 ** attempt, 0.5),
      onnotice: () => {},
    };
    this.#parts = parts;
    this.pool = new OwnPool({
      openDriver: (onConnection) => new OwnedDriver(settingsLike(sql, settings), undefined, onConnection),
      openSideDriver: () => new OwnedDriver(settingsLike(sql, SIDE_SETTINGS)),
      maxConnections: MAX_CONNECTIONS,
      late,
    });
  }

  /** True if the server lets it in. From then on it asks whether it is still needed. */
  async begin(): Promise<boolean> {
    try {
      const answer = Promise.resolve(this.pool.sql.unsafe('SELECT 1'));
      await withDeadline(answer, READY_LIMIT_MS, () => new Error('no answer yet'));
    } catch {
      return false;
    }
    this.#timer = setInterval(() => void this.#probe(), PROBE_INTERVAL_MS).unref();
    return true;
  }

  /** What is under way has a second, what waits for a connection goes elsewhere. Fulfils when no connection is left. */
  end(): Promise<void> {
    clearInterval(this.#timer);
    return this.pool.retire();
  }

  /** One at a time: it may come to another connection that leads nowhere. */
  async #probe(): Promise<void> {
    const { sql, late, onOver } = this.#parts;
    if (this.#isProbing) return;
    this.#isProbing = true;
    try {
      await sql.unsafe('SELECT 1');
      if (!late.hasDead) onOver();
    } catch (error) {
      if (driverErrorCode(error) === POOL_ENDED) onOver();
    } finally {
      this.#isProbing = false;
    }
  }
}
