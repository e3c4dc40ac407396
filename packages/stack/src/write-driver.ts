import {
  type CacheError,
  type CacheOperation,
  CacheTimeoutError,
  CacheUnavailableError,
  redactedCause,
} from '@cache/core';
import type { CachedCopies } from './cached-copies.ts';
import type { Journal } from './journal.ts';
import type { QueuedWrite, WriteOperation } from './queued-write.ts';
import type { StoreCalls } from './store-calls.ts';
import { isCacheError } from './store-error.ts';
import type { Timers } from './timers.ts';
import { WriteBehindReporter } from './write-behind-hooks.ts';
import { roomTimeoutMsOf, type WriteBehindOptions, writeQueuePolicyOf } from './write-behind-options.ts';
import type { WriteFlusher } from './write-flusher.ts';
import { WriteQueue } from './write-queue.ts';
import type { PendingWrite, WriteQueueCommand, WriteQueueEvent } from './write-queue-events.ts';

/** What a write-behind cache holds, and has done since it was made. */
export interface WriteBehindStatistics {
  /** Writes that are queued now, in flight included. */
  readonly depth: number;
  /** Writes that wait for room now. */
  readonly waiting: number;
  /** Writes taken in, replayed ones included. */
  readonly queued: number;
  /** Writes that the store has. */
  readonly settled: number;
  /** Batches carried out, failed ones included. */
  readonly flushes: number;
  /** Writes that failed and were repeated, each time. */
  readonly retries: number;
  /** Writes handed over as poison. */
  readonly poisoned: number;
  /** Writes refused for want of room. */
  readonly refused: number;
  /** Writes taken over from the journal at the start. */
  readonly replayed: number;
}

interface Ticket {
  readonly operation: CacheOperation;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
  /** Ends the wait for room. */
  cancel: () => void;
}

/** Drives a {@link WriteQueue}: carries its commands out and tells it how that ended. */
export class WriteDriver<V> {
  readonly #queue: WriteQueue<V>;
  readonly #calls: StoreCalls<V>;
  readonly #flusher: WriteFlusher<V>;
  readonly #copies: CachedCopies<V>;
  readonly #timers: Timers;
  readonly #journal: Journal<V> | undefined;
  readonly #onPoison: WriteBehindOptions<V>['onPoison'];
  readonly #reporter: WriteBehindReporter;
  readonly #roomTimeoutMs: number;
  readonly #tickets = new Map<number, Ticket>();
  readonly #idle = new Set<(isIdle: boolean) => void>();
  readonly #counts = { queued: 0, settled: 0, flushes: 0, retries: 0, poisoned: 0, refused: 0, replayed: 0 };
  #lastTicket = 0;
  #draining = 0;
  #isEnded = false;
  #wakeAtMs = Number.POSITIVE_INFINITY;
  #cancelWake: () => void = () => {};

  /** @throws CacheOptionError */
  constructor(
    calls: StoreCalls<V>,
    flusher: WriteFlusher<V>,
    copies: CachedCopies<V>,
    timers: Timers,
    options: WriteBehindOptions<V>,
  ) {
    this.#queue = new WriteQueue(writeQueuePolicyOf(options));
    this.#calls = calls;
    this.#flusher = flusher;
    this.#copies = copies;
    this.#timers = timers;
    this.#journal = options.journal;
    this.#onPoison = options.onPoison;
    this.#reporter = new WriteBehindReporter(options.hooks ?? {}, timers);
    this.#roomTimeoutMs = roomTimeoutMsOf(options);
    const writes = this.#journal?.replay() ?? [];
    this.#counts.replayed = writes.length;
    this.#counts.queued = writes.length;
    if (writes.length > 0) this.#drive({ type: 'replayed', writes });
  }

  get statistics(): WriteBehindStatistics {
    return { depth: this.#queue.depth, waiting: this.#queue.waiting, ...this.#counts };
  }

  /** The newest write of the key that is queued. */
  latest(key: string): WriteOperation<V> | undefined {
    return this.#queue.latest(key);
  }

  /** What is queued. */
  remaining(): QueuedWrite<V>[] {
    return this.#queue.remaining();
  }

  /** Fulfils when the write counts. It is queued at once where there is room and no journal. */
  offer(operation: CacheOperation, key: string, write: WriteOperation<V>): Promise<void> {
    this.#lastTicket += 1;
    const ticket = this.#lastTicket;
    return new Promise((resolve, reject) => {
      const waiting: Ticket = { operation, resolve, reject, cancel: () => {} };
      this.#tickets.set(ticket, waiting);
      this.#drive({ type: 'offered', ticket, key, operation: write });
      if (this.#queue.isWaiting(ticket)) {
        waiting.cancel = this.#timers.after(this.#roomTimeoutMs, () => this.#noRoomInTime(ticket));
        this.#reporter.full({ depth: this.#queue.depth, waiting: this.#queue.waiting });
      }
    });
  }

  /** Sends what is queued without waiting for more, and says whether all of it arrived within the time. */
  async drain(withinMs: number): Promise<boolean> {
    this.#draining += 1;
    this.#drive({ type: 'draining', isDraining: true });
    const isIdle = await this.#untilIdle(withinMs);
    this.#draining -= 1;
    if (this.#draining === 0) this.#drive({ type: 'draining', isDraining: false });
    return isIdle;
  }

  /** Stops; gives what is left. A write that is with the journal still settles: it counts if the journal has it. */
  end(reason: CacheError): QueuedWrite<V>[] {
    const remaining = this.#queue.remaining();
    this.#isEnded = true;
    this.#cancelWake();
    this.#calls.abort(reason);
    for (const ticket of [...this.#tickets.keys()]) {
      if (this.#queue.isWaiting(ticket)) this.#settle(ticket, reason);
    }
    this.#endWaits(false);
    return remaining;
  }

  /** Tells the hooks of a failure that no caller hears of. */
  report(message: string, error: unknown): void {
    const context = { operation: 'set', backend: 'stack' };
    this.#reporter.failed(
      isCacheError(error) ? error : new CacheUnavailableError(message, { ...context, cause: redactedCause(error) }),
    );
  }

  #drive(event: WriteQueueEvent<V>): void {
    if (this.#isEnded) {
      if (event.type === 'journaled') this.#settle(event.ticket);
      return;
    }
    for (const command of this.#queue.handle(event, this.#timers.now())) this.#perform(command);
    if (this.#queue.depth === 0 && this.#queue.waiting === 0) this.#endWaits(true);
  }

  #perform(command: WriteQueueCommand<V>): void {
    switch (command.do) {
      case 'journal':
        void this.#keep(command.ticket, command.key, command.operation);
        break;
      case 'accept':
        this.#counts.queued += 1;
        this.#settle(command.ticket);
        break;
      case 'refuse':
        this.#counts.refused += 1;
        this.#settle(command.ticket, this.#fullError(command.ticket, 'Too many writes wait for room in the queue.'));
        break;
      case 'flush':
        void this.#flush(command.writes);
        break;
      case 'acknowledge':
        void this.#acknowledge(command.writes);
        break;
      case 'bury':
        void this.#bury(command.write, command.error);
        break;
      case 'retry':
        this.#counts.retries += command.count;
        this.#reporter.retried(
          { count: command.count, delayMs: command.delayMs, reason: command.reason, depth: this.#queue.depth },
          command.error,
        );
        break;
      case 'wake':
        this.#wake(command.inMs);
        break;
    }
  }

  async #keep(ticket: number, key: string, operation: WriteOperation<V>): Promise<void> {
    try {
      const id = await this.#journal?.append(key, operation);
      this.#drive({ type: 'journaled', ticket, id: id ?? 0 });
    } catch (error) {
      this.#settle(ticket, error);
      this.#drive({ type: 'notJournaled', ticket });
    }
  }

  async #flush(writes: readonly PendingWrite<V>[]): Promise<void> {
    const startedAtMs = this.#timers.now();
    const results = await this.#flusher.flush(writes);
    const done = results.reduce((sum, { outcome, keys }) => (outcome === 'done' ? sum + keys.length : sum), 0);
    this.#counts.flushes += 1;
    this.#counts.settled += done;
    const durationMs = this.#timers.now() - startedAtMs;
    this.#drive({ type: 'flushed', results });
    const count = writes.length;
    this.#reporter.flushed({ count, failedCount: count - done, durationMs, depth: this.#queue.depth });
  }

  async #acknowledge(writes: readonly QueuedWrite<V>[]): Promise<void> {
    try {
      await this.#journal?.acknowledge(writes);
    } catch (error) {
      this.report('The journal could not note that writes are done: they are done again after a restart.', error);
    }
  }

  async #bury({ key, operation, attempts }: PendingWrite<V>, error: unknown): Promise<void> {
    const value = operation.kind === 'write' ? operation.value : undefined;
    try {
      await this.#calls.within('set', async () =>
        this.#onPoison?.({ key, kind: operation.kind, value, attempts, error }),
      );
      this.#counts.poisoned += 1;
      // An attempt that seemed to fail may have changed the store.
      await this.#calls.within('removeItem', () => this.#copies.remove([key])).catch(() => {});
      this.#drive({ type: 'buried', key });
    } catch (failure) {
      this.report('The handler of poison writes failed: the write stays queued.', failure);
      this.#drive({ type: 'notBuried', key });
    }
  }

  #wake(inMs: number): void {
    const atMs = this.#timers.now() + inMs;
    // Each write would otherwise set a timer anew. One that fires too early is set again by the queue.
    if (this.#wakeAtMs <= atMs) return;
    this.#cancelWake();
    this.#wakeAtMs = atMs;
    this.#cancelWake = this.#timers.after(inMs, () => {
      this.#wakeAtMs = Number.POSITIVE_INFINITY;
      this.#drive({ type: 'due' });
    });
  }

  #noRoomInTime(ticket: number): void {
    // With the journal already: no deadline can take it back.
    if (!this.#queue.isWaiting(ticket)) return;
    this.#counts.refused += 1;
    this.#settle(ticket, this.#fullError(ticket, `The queue had no room within ${this.#roomTimeoutMs} ms.`));
    this.#drive({ type: 'withdrawn', ticket });
  }

  #settle(number: number, error?: unknown): void {
    const ticket = this.#tickets.get(number);
    if (ticket === undefined) return;
    this.#tickets.delete(number);
    ticket.cancel();
    if (error === undefined) ticket.resolve();
    else ticket.reject(error);
  }

  #fullError(ticket: number, message: string): CacheError {
    const context = { operation: this.#tickets.get(ticket)?.operation ?? 'set', backend: 'stack' };
    const advice = `${this.#queue.depth} writes wait for the store; this one is not queued.`;
    return this.#queue.isWaiting(ticket)
      ? new CacheTimeoutError(`${message} ${advice}`, context)
      : new CacheUnavailableError(`${message} ${advice}`, context);
  }

  #untilIdle(withinMs: number): Promise<boolean> {
    if (this.#queue.depth === 0 && this.#queue.waiting === 0) return Promise.resolve(true);
    return new Promise((resolve) => {
      const end = (isIdle: boolean): void => {
        cancel();
        this.#idle.delete(end);
        resolve(isIdle);
      };
      const cancel = this.#timers.after(withinMs, () => end(false));
      this.#idle.add(end);
    });
  }

  #endWaits(isIdle: boolean): void {
    for (const end of this.#idle) end(isIdle);
  }
}
