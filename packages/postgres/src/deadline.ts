import type { Sql, TransactionSql } from 'postgres';
import type { SentStatement } from './database-pool.ts';

/** When a call, or a batch of calls that began together, gives up. It covers the wait for a connection too. */
export class Deadline {
  readonly timeoutMs: number;
  /** What was given to the driver last, for the one who judges its connection, and to which one. */
  sent: SentStatement | undefined;
  used: Sql | TransactionSql | undefined;
  #isOver = false;
  readonly #timer: NodeJS.Timeout;

  constructor(timeoutMs: number, onOver: (deadline: Deadline) => void) {
    this.timeoutMs = timeoutMs;
    this.#timer = setTimeout(() => {
      this.#isOver = true;
      onOver(this);
    }, timeoutMs);
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** The answer is here, and is not to be kept for as long as whoever knows the deadline. */
  clear(): void {
    clearTimeout(this.#timer);
    this.sent = undefined;
    this.used = undefined;
  }
}
