import type { Sql } from 'postgres';
import type { SentStatement } from './database-pool.ts';
import type { OwnedDriver, PoolSettings } from './owned-driver.ts';

/** A server process that has not answered, and what may be done about it. */
export interface Suspicion {
  readonly serverProcess: number;
  /** So many milliseconds ago it had the statement: what began since has the same number and is another. */
  readonly ageMs: number;
  /** `'end'`: nobody can use its connection from here. `'cancel'`: what waits for its answer is a write. */
  readonly remedy: 'end' | 'cancel' | 'none';
  /** The cache's statements that it has not answered. */
  readonly texts: readonly string[];
  /** The one that it has to answer next, if that is one of them. */
  readonly next: string | undefined;
  /** Only what it is busy with for longer is cancelled. */
  readonly patienceMs: number;
  /** The moment since which it was waiting for the driver when that had been seen for long enough: ended if it still is. */
  readonly stuckSince: string | undefined;
}

/** A process that is there. */
export interface Sighting {
  /** Since when it has been waiting for the driver, if it is. */
  readonly waitingSince: string | undefined;
}

/** What a look tells. */
export interface Look {
  /** For each suspicion, what is there. */
  readonly sightings: readonly (Sighting | undefined)[];
  /** The driver knows processes by other numbers than the server, as behind PgBouncer: who is not there may be. */
  readonly isPooled: boolean;
}

/** `query` is cut off where `track_activity_query_size` says, after 99 bytes or more. */
function isRunning(text: string): string {
  return `a.state = 'active' AND (a.query = ${text} OR (octet_length(a.query) > 95 AND starts_with(${text}, a.query)))`;
}

/**
 * Judged and done in one statement, so that little happens between the two. What is busy with another's statement is left
 * alone, even if it waits for the driver there, as a COPY does.
 */
const LOOK = `SELECT pg_backend_pid()::text, w.index::text, a.pid::text, CASE WHEN j.waits THEN a.state_change::text END,
  CASE WHEN w.remedy = 'end' OR (j.waits AND a.state_change::text = w.stuck_since) THEN pg_terminate_backend(a.pid)
    WHEN w.remedy = 'cancel' AND j.writes AND NOT j.waits
      AND a.query_start < clock_timestamp() - w.patience * interval '1 millisecond' THEN pg_cancel_backend(a.pid) END
FROM jsonb_to_recordset($1::text::jsonb) AS w(index int, pid bigint, age float8, remedy text, texts jsonb, next text,
  patience float8, stuck_since text)
LEFT JOIN pg_stat_activity a ON a.pid::bigint = w.pid AND a.usename = current_user
  AND a.backend_start < clock_timestamp() - w.age * interval '1 millisecond'
CROSS JOIN LATERAL (SELECT coalesce(a.wait_event = 'ClientRead' AND (a.state LIKE 'idle%' OR EXISTS (
    SELECT FROM jsonb_array_elements_text(w.texts) t WHERE ${isRunning('t')})), false) AS waits,
  coalesce(${isRunning('w.next')}, false) AS writes) j`;

/** A connection beside a pool, whose own may all be broken, or busy with what is to be ended. It has so long for all it does. */
export class SideConnection {
  readonly #driver: OwnedDriver;
  readonly #timer: NodeJS.Timeout;
  #isOver = false;

  constructor(driver: OwnedDriver, limitMs: number) {
    this.#driver = driver;
    this.#timer = setTimeout(() => this.close(), limitMs).unref();
  }

  /** True once its time is up, or it was closed. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** @throws the driver's error, also when the time is up */
  async look(suspicions: readonly Suspicion[]): Promise<Look> {
    const suspects = suspicions.map(({ serverProcess, ageMs, patienceMs, stuckSince, ...suspicion }, index) => {
      return { ...suspicion, index, pid: serverProcess, age: ageMs, patience: patienceMs, stuck_since: stuckSince };
    });
    const reply = await this.#driver.sql.unsafe(LOOK, [JSON.stringify(suspects)]).raw();
    const sightings: (Sighting | undefined)[] = [];
    let isPooled = false;
    for (const [own, index, pid, waitingSince] of reply as unknown as (Buffer | null)[][]) {
      isPooled = Number(own) !== (reply as SentStatement).state?.pid;
      sightings[Number(index)] = pid ? { waitingSince: waitingSince?.toString() } : undefined;
    }
    return { sightings, isPooled };
  }

  /** What it waits for fails. */
  close(): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
    void this.#driver.end(0);
  }
}

/** Ends server processes whose connections nobody will use again. What cannot be reached is left as it is. */
export async function endServerProcesses(side: SideConnection, serverProcesses: readonly number[]): Promise<void> {
  const ended = { ageMs: 0, remedy: 'end', texts: [], next: undefined, patienceMs: 0, stuckSince: undefined } as const;
  try {
    await side.look(serverProcesses.map((serverProcess) => ({ serverProcess, ...ended })));
  } catch {
    // Gone or silent: either way no more can be done about them.
  } finally {
    side.close();
  }
}

/** What a single connection for a few statements needs, whatever the pool beside it has. */
export const SIDE_SETTINGS: Readonly<Record<string, unknown>> = {
  max: 1,
  connect_timeout: 2,
  idle_timeout: null,
  max_lifetime: null,
  fetch_types: false,
  prepare: false,
  onnotice: () => {},
};

/**
 * The settings of an instance, for another. postgres.js takes the options of one as they are, so every one of them has to
 * be there; and what instances share they also change.
 */
export function settingsLike(sql: Sql, changes: Readonly<Record<string, unknown>>): PoolSettings {
  const apart = { shared: { retries: 0, typeArrayMap: {} }, parameters: {}, onclose: () => {}, onnotify: undefined };
  const plain = { debug: false, transform: { undefined: undefined, column: {}, value: {}, row: {} } };
  return { ...sql.options, ...apart, ...plain, ...changes } as unknown as PoolSettings;
}
