import type { SentStatement } from './database-pool.ts';
import type { Sighting, Suspicion } from './side-connection.ts';

/** What a statement that was not answered in time is. */
export interface LateStatement {
  readonly isWrite: boolean;
  readonly timeoutMs: number;
}

/**
 * A process that waits for the driver while the driver waits for it, seen so twice this far apart, will never answer. Both
 * what a server does when it runs on, and what a busy one does, takes less.
 */
const STUCK_MS = 750;

/** The driver may hear just now that a process is gone. */
const NEWS_MS = 100;

/** A server process that has not answered in time, or whose connection was lost. */
export class Suspect {
  readonly serverProcess: number;
  /** Statements on a connection that is open, as far as is known here. */
  readonly unanswered: Map<SentStatement, LateStatement> = new Map();
  readonly #since = performance.now();
  /** Nobody can use its connection from here: it has to be gone. */
  isLost = false;
  #goneAt: number | undefined;
  #waiting: { readonly since: string; readonly seenAt: number } | undefined;

  constructor(serverProcess: number) {
    this.serverProcess = serverProcess;
  }

  /** True once the server does not know it any more, or never did. */
  get isGone(): boolean {
    return this.#goneAt !== undefined;
  }

  /** True if nothing more can come of it. */
  get isOver(): boolean {
    return this.unanswered.size === 0 && (this.isGone || !this.isLost);
  }

  /** True if it may still carry out a write, or nobody knows yet where the next one is to go instead. */
  get isWriter(): boolean {
    if (this.isDead) return false;
    return (this.isLost && !this.isGone) || [...this.unanswered.values()].some(({ isWrite }) => isWrite);
  }

  /** True if its connection is open here, and nobody will ever answer on it. */
  get isDead(): boolean {
    return this.#goneAt !== undefined && this.unanswered.size > 0 && performance.now() - this.#goneAt >= NEWS_MS;
  }

  /** True if another look soon will tell whether its connection is dead. */
  get isWatched(): boolean {
    return this.isGone ? !this.isDead : this.#waiting !== undefined;
  }

  get suspicion(): Suspicion {
    const [statement] = [...this.unanswered].find(([{ active }]) => active !== false) ?? [];
    const late = statement && this.unanswered.get(statement);
    const isStuck = this.#waiting !== undefined && performance.now() - this.#waiting.seenAt >= STUCK_MS;
    return {
      serverProcess: this.serverProcess,
      ageMs: performance.now() - this.#since,
      remedy: this.isLost ? 'end' : late?.isWrite ? 'cancel' : 'none',
      texts: [...new Set([...this.unanswered.keys()].flatMap(({ strings }) => strings?.[0] ?? []))],
      next: statement?.strings?.[0],
      patienceMs: late?.timeoutMs ?? 0,
      stuckSince: isStuck ? this.#waiting?.since : undefined,
    };
  }

  /** Takes what a look has told of it: nothing if it was not there. */
  see(sighting: Sighting | undefined): void {
    if (sighting === undefined) this.#goneAt ??= performance.now();
    else if (sighting.waitingSince === undefined) this.#waiting = undefined;
    else if (sighting.waitingSince !== this.#waiting?.since)
      this.#waiting = { since: sighting.waitingSince, seenAt: performance.now() };
  }
}
