import { Deadline } from './deadline.ts';
import type { StatementRunner } from './statement-runner.ts';
import type { WriteStatements } from './write-statements.ts';

/** So many keys go in one statement; what is found expired meanwhile is found again. */
const MOST_KEYS = 128;

/**
 * Deletes rows that reads found expired, in the background. The database judges each again under its lock, so a row
 * that was refreshed meanwhile stays. It is a favour and nobody waits for it: a failure is left to `cleanupExpired`.
 */
export class ExpiredSweeper {
  readonly #runner: StatementRunner;
  readonly #statements: WriteStatements;
  readonly #prefix: string;
  readonly #timeoutMs: number;
  readonly #keys = new Set<string>();
  #isSweeping = false;

  constructor(runner: StatementRunner, statements: WriteStatements, prefix: string, timeoutMs: number) {
    this.#runner = runner;
    this.#statements = statements;
    this.#prefix = prefix;
    this.#timeoutMs = timeoutMs;
  }

  add(key: string): void {
    if (this.#keys.size < MOST_KEYS) this.#keys.add(key);
    if (!this.#isSweeping) void this.#sweep();
  }

  async #sweep(): Promise<void> {
    this.#isSweeping = true;
    // After the reads of this tick, so that their expired rows go together.
    await new Promise(setImmediate);
    const keys = JSON.stringify([...this.#keys]);
    this.#keys.clear();
    const deadline = new Deadline(this.#timeoutMs, () => {});
    try {
      await this.#runner.execute(this.#statements.sweep, [this.#prefix, keys], deadline);
    } catch {
      // Left to cleanupExpired.
    }
    deadline.clear();
    this.#isSweeping = false;
  }
}
