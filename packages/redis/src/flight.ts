import { type DeadlineQueue, Expirable } from './deadline-queue.ts';
import type { PendingCommand } from './pending-command.ts';
import { DeadlineExceeded } from './server-error.ts';

/**
 * The commands of one tick that share a deadline. It ends when the last of them is answered.
 *
 * A deadline is no cancel: what was not answered in time fails for the caller, but stays a command of the client until
 * the client is done with it. Only then does it stop counting as outstanding, so that what lies in a client whose server
 * is silent is bounded.
 */
export class Flight extends Expirable {
  /** How many answers the batch had got when it departed. */
  readonly answerCount: number;
  readonly #commands: PendingCommand[] = [];
  readonly #deadlines: DeadlineQueue;
  readonly #timeoutMs: number;
  readonly #onExpire: (flight: Flight) => void;
  #unansweredCount = 0;

  constructor(deadlines: DeadlineQueue, timeoutMs: number, answerCount: number, onExpire: (flight: Flight) => void) {
    super();
    this.answerCount = answerCount;
    this.#deadlines = deadlines;
    this.#timeoutMs = timeoutMs;
    this.#onExpire = onExpire;
  }

  add(command: PendingCommand): void {
    this.#commands.push(command);
    this.#unansweredCount += 1;
  }

  /** Begins to count the time. */
  depart(): void {
    if (this.#unansweredCount > 0) this.#deadlines.add(this);
  }

  /** One command was answered, in time or not. */
  land(): void {
    this.#unansweredCount -= 1;
    if (this.#unansweredCount === 0) this.#deadlines.remove(this);
  }

  /** Fails every command; those that were answered already do not notice. */
  override expire(): void {
    this.#onExpire(this);
    const reason = new DeadlineExceeded(this.#timeoutMs);
    for (const command of this.#commands) command.fail(reason);
  }
}
