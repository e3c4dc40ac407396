import type { SentStatement } from './database-pool.ts';

/** When a call, or a batch of calls that began together, gives up. It covers the wait for a connection too. */
export class Deadline {
  /** What was sent last, for the one who judges its connection. */
  sent: SentStatement | undefined;
  #isOver = false;
  readonly #timer: NodeJS.Timeout;

  constructor(timeoutMs: number, onOver: (deadline: Deadline) => void) {
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
  }
}
