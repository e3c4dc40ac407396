import postgres, { type Sql } from 'postgres';
import { type DatabasePool, type SentStatement, terminateServerProcesses } from './database-pool.ts';

/** A pool that fails its deadlines is replaced at most this often. */
const REPLACEMENT_INTERVAL_MS = 1_000;

/** How long the statements of a pool that was replaced may still take. */
const RETIREMENT_IN_SECONDS = 1;

/** Settings for a connection of our own, as `postgres` takes them. */
export type PoolSettings = postgres.Options<Record<string, never>>;

/**
 * A pool that the cache made for itself.
 *
 * **Invariant.** A write that timed out is never carried out after a later write was acknowledged. A deadline is no
 * cancel: the statement may sit in a frozen process or in a delayed link. So the connections are given up, and before
 * the next write is sent, the server process that has the late one is ended.
 */
export class OwnPool implements DatabasePool {
  readonly isTransaction = false;
  readonly #open: () => Sql;
  readonly #late = new Set<number>();
  #sql: Sql;
  #ending: Promise<void> | undefined;
  #replacedAt = Number.NEGATIVE_INFINITY;
  #isClosed = false;

  constructor(url: string, settings: PoolSettings) {
    this.#open = () => postgres(url, { ...settings });
    this.#sql = this.#open();
  }

  get sql(): Sql {
    return this.#sql;
  }

  get writesAllowed(): Promise<void> | undefined {
    if (this.#late.size === 0) return undefined;
    this.#ending ??= this.#endLateWrites().finally(() => {
      this.#ending = undefined;
    });
    return this.#ending;
  }

  distrust(sent: SentStatement | undefined, isWrite: boolean): void {
    if (this.#isClosed) return;
    const serverProcess = sent?.state?.pid;
    if (isWrite && typeof serverProcess === 'number') this.#late.add(serverProcess);
    const now = performance.now();
    if (now - this.#replacedAt < REPLACEMENT_INTERVAL_MS) return;
    this.#replacedAt = now;
    this.#replace();
  }

  async discard(serverProcess: number): Promise<void> {
    if (this.#isClosed) return;
    this.#late.add(serverProcess);
    await this.writesAllowed?.catch(() => {});
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#sql.end({ timeout: RETIREMENT_IN_SECONDS });
  }

  #replace(): void {
    const retired = this.#sql;
    this.#sql = this.#open();
    retired.end({ timeout: RETIREMENT_IN_SECONDS }).catch(() => {});
  }

  async #endLateWrites(): Promise<void> {
    const serverProcesses = [...this.#late];
    await terminateServerProcesses(this.#sql, serverProcesses);
    for (const serverProcess of serverProcesses) this.#late.delete(serverProcess);
  }
}
