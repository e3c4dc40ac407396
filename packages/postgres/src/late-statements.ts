import { CacheUnavailableError, redactedCause } from '@cache/core';
import type { SentStatement } from './database-pool.ts';
import { isConnectionLost, isForeign } from './driver-error.ts';
import { Gate } from './gate.ts';
import type { SideConnection } from './side-connection.ts';
import { type LateStatement, Suspect } from './suspect.ts';

/** So long after a deadline a connection is looked at; sooner where a write has to wait for it. */
const SUSPICION_MS = 250;

/** From one look without a reason to the next, at least; twice as long after each that has told nothing new. */
const PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 8_000;

/** Looks of one side connection, from the first to the next, and at most. */
const FIRST_GAP_MS = 5;
const LONGEST_GAP_MS = 100;

/** How long one side connection is used. */
const LIMIT_MS = 2_000;

/**
 * What was sent and not answered in time, by the server process that has it.
 *
 * **Invariant.** While {@link writesOver} is not undefined, a write may still be carried out that its caller has given up. A
 * deadline is no cancel, and neither is a lost connection: the statement may sit in a frozen process, behind a lock or in a
 * delayed link. It is over when it was answered; or when its server process is gone. Which is ended where nobody else can
 * use it: its connection is closed on this side, or the server waits for the driver there while the driver waits for the
 * server. Where it is busy with that very write, the write is cancelled; where it is busy with anything else, it is waited for.
 */
export class LateStatements {
  readonly #openSide: ((limitMs: number) => SideConnection) | undefined;
  readonly #onDead: () => void;
  readonly #suspects = new Set<Suspect>();
  #gate: Gate | undefined;
  #round: Promise<void> | undefined;
  #side: SideConnection | undefined;
  #timer: NodeJS.Timeout | undefined;
  #roundBeganAt = Number.NEGATIVE_INFINITY;
  #pauseMs = PAUSE_MS;
  #isBlind: boolean;
  #isClosed = false;

  /**
   * @param openSide a connection beside the pool, for so long; if there can be none, nothing is known and nothing waited for
   * @param onDead told when a connection that is open here turns out to lead nowhere
   */
  constructor(openSide: ((limitMs: number) => SideConnection) | undefined, onDead: () => void = () => {}) {
    this.#openSide = openSide;
    this.#isBlind = openSide === undefined;
    this.#onDead = onDead;
  }

  /** What a write has to wait for before it is sent: ask again then. Rejects if the server cannot be asked. */
  get writesOver(): Promise<void> | undefined {
    if (this.#suspects.size === 0 || !this.#hasWriters) return undefined;
    this.#gate ??= new Gate();
    const { promise } = this.#gate;
    if (this.#isClosed) this.#failGate(new Error('closed'));
    else this.#look();
    return promise;
  }

  /** True if a connection leads nowhere that is still open here. */
  get hasDead(): boolean {
    return [...this.#suspects].some(({ isDead }) => isDead);
  }

  /** True if no server process can be found: the server knows them by other numbers, or cannot be asked. */
  get isBlind(): boolean {
    return this.#isBlind;
  }

  /** This was not answered in time, on a connection that others may use. */
  add(sent: SentStatement, late: LateStatement): void {
    const serverProcess = sent.state?.pid;
    if (this.#isClosed || this.#openSide === undefined) return;
    if (typeof serverProcess !== 'number' || !(sent instanceof Promise)) return;
    const suspect = this.#suspect(serverProcess, ({ isLost }) => !isLost);
    suspect.unanswered.set(sent, late);
    const answered = (): void => this.#answered(suspect, sent);
    sent.then(answered, (error: unknown) => {
      if (late.isWrite && (isConnectionLost(error) || isForeign(error))) suspect.isLost = true;
      answered();
    });
    this.#pauseMs = PAUSE_MS;
    this.#lookLater();
  }

  /** Nobody will use the connection to this server process any more, which may still carry out a write. */
  addLost(serverProcess: number | null | undefined): void {
    if (typeof serverProcess !== 'number' || this.#openSide === undefined) return;
    this.#suspect(serverProcess, () => true).isLost = true;
  }

  /** Looks now, and fulfils when that has told what there is to tell. */
  async check(): Promise<void> {
    if (this.#suspects.size === 0 || this.#isClosed) return;
    this.#side?.close();
    await this.#round;
    this.#look();
    await this.#round;
  }

  /** Looks no more. */
  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#side?.close();
  }

  get #hasWriters(): boolean {
    for (const suspect of this.#suspects) if (suspect.isWriter) return true;
    return false;
  }

  /** A process that is gone, or whose connection was lost, may have a namesake. */
  #suspect(serverProcess: number, isSame: (known: Suspect) => boolean): Suspect {
    for (const known of this.#suspects) {
      if (known.serverProcess === serverProcess && !known.isGone && isSame(known)) return known;
    }
    const suspect = new Suspect(serverProcess);
    this.#suspects.add(suspect);
    return suspect;
  }

  #answered(suspect: Suspect, sent: SentStatement): void {
    suspect.unanswered.delete(sent);
    this.#sweep();
  }

  #sweep(): void {
    for (const suspect of this.#suspects) if (suspect.isOver) this.#suspects.delete(suspect);
    if (!this.#hasWriters) this.#openGate();
  }

  #openGate(): void {
    this.#gate?.open();
    this.#gate = undefined;
  }

  #failGate(error: unknown): void {
    this.#gate?.fail(unreachable(error));
    this.#gate = undefined;
  }

  #lookLater(): void {
    if (this.#timer !== undefined || this.#round !== undefined || this.#isClosed) return;
    const waitMs = Math.max(SUSPICION_MS, this.#roundBeganAt + this.#pauseMs - performance.now());
    this.#timer = setTimeout(() => this.#look(), waitMs).unref();
  }

  #look(): void {
    if (this.#round !== undefined || this.#isClosed || this.#openSide === undefined) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#roundBeganAt = performance.now();
    this.#round = this.#run(this.#openSide).finally(() => {
      this.#round = undefined;
      this.#openGate();
      if ([...this.#suspects].some(({ isGone, unanswered }) => !isGone && unanswered.size > 0)) this.#lookLater();
    });
  }

  /** Never rejects. */
  async #run(openSide: (limitMs: number) => SideConnection): Promise<void> {
    const endsAt = performance.now() + LIMIT_MS;
    for (let wasHeard = false; ; ) {
      const side = openSide(endsAt - performance.now());
      const onAnswer = (): void => {
        wasHeard = true;
      };
      this.#side = side;
      try {
        await this.#watch(side, onAnswer);
        this.#pauseMs = Math.min(2 * this.#pauseMs, LONGEST_PAUSE_MS);
        return;
      } catch (error) {
        // Whoever ends all connections of an application ends this one too.
        if (!side.isOver && isConnectionLost(error)) {
          await pause(LONGEST_GAP_MS);
          continue;
        }
        if (!wasHeard) this.#failGate(error);
        return;
      } finally {
        side.close();
      }
    }
  }

  /** Looks until there is nothing more to be told, or the time is up. */
  async #watch(side: SideConnection, onAnswer: () => void): Promise<void> {
    for (let gapMs = FIRST_GAP_MS; ; gapMs = Math.min(2 * gapMs, LONGEST_GAP_MS)) {
      const suspects = [...this.#suspects].filter(({ isGone }) => !isGone);
      if (suspects.length > 0) {
        const { sightings, isPooled } = await side.look(suspects.map(({ suspicion }) => suspicion));
        onAnswer();
        this.#isBlind = isPooled;
        for (const [index, suspect] of suspects.entries()) suspect.see(sightings[index]);
      }
      this.#sweep();
      if (this.hasDead && !this.#isBlind) this.#onDead();
      const isWaitedFor = this.#gate !== undefined && this.#hasWriters;
      if (!isWaitedFor && ![...this.#suspects].some(({ isWatched }) => isWatched)) return;
      await pause(gapMs);
      if (side.isOver) return;
    }
  }
}

/** Nobody's process has to live for it. */
function pause(ms: number): Promise<void> {
  return new Promise((resume) => setTimeout(resume, ms).unref());
}

function unreachable(error: unknown): CacheUnavailableError {
  return new CacheUnavailableError('PostgreSQL cannot be reached to end a write that timed out.', {
    backend: 'postgres',
    cause: redactedCause(error),
  });
}
