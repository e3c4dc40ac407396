import type { QueuedWrite, WriteOperation } from '../src/queued-write.ts';
import type { WriteQueue } from '../src/write-queue.ts';
import type { FlushResult, WriteQueueCommand } from '../src/write-queue-events.ts';

/** What the checker drives: the queue, or what people write instead. */
export type AnyQueue = Pick<WriteQueue<number>, 'depth' | 'waiting' | 'latest' | 'handle'>;

type Operation = WriteOperation<number>;
type Command = WriteQueueCommand<number>;

/** How the store answers a call: whether it did what was asked, and what it says. */
export interface StoreAnswer {
  readonly isApplied: boolean;
  readonly outcome: FlushResult['outcome'];
}

/** One thing that happens. */
export type Happening =
  | { readonly type: 'offer'; readonly key: string; readonly kind: Operation['kind'] }
  | { readonly type: 'giveUpWaiting'; readonly nth: number }
  | { readonly type: 'journal'; readonly isKept: boolean }
  | { readonly type: 'answer'; readonly isBatched: boolean; readonly answers: readonly StoreAnswer[] }
  | { readonly type: 'bury'; readonly isTaken: boolean }
  | { readonly type: 'pass'; readonly ms: number }
  | { readonly type: 'drain'; readonly isDraining: boolean }
  | { readonly type: 'crash'; readonly isApplied: boolean };

const DONE: StoreAnswer = { isApplied: true, outcome: 'done' };

/**
 * A store, a journal and callers around a queue, and the promises that are held against everything it does. Each write is an
 * object of its own, so that it is known again wherever it turns up.
 */
export class WriteQueueWorld {
  readonly #create: () => AnyQueue;
  readonly #isJournaled: boolean;
  readonly #maxQueue: number;
  #queue: AnyQueue;
  #nowMs = 0;
  #lastTicket = 0;
  #lastId = 0;
  readonly #offered = new Map<number, { readonly key: string; readonly operation: Operation }>();
  /** The order in which writes were let in, by operation. */
  readonly #place = new Map<Operation, number>();
  readonly #accepted = new Map<string, Operation>();
  #waiting: number[] = [];
  #journaling: number[] = [];
  #journal: QueuedWrite<number>[] = [];
  #inFlight: readonly QueuedWrite<number>[] = [];
  #burying: QueuedWrite<number>[] = [];
  readonly #buried = new Set<Operation>();
  readonly #stored = new Map<string, Operation>();
  readonly #blamed = new Set<Operation>();
  #replayedCount = 0;
  complaint: string | undefined;

  constructor(create: () => AnyQueue, isJournaled: boolean, maxQueue: number) {
    this.#create = create;
    this.#queue = create();
    this.#isJournaled = isJournaled;
    this.#maxQueue = maxQueue;
  }

  happen(happening: Happening): void {
    switch (happening.type) {
      case 'offer':
        this.#offer(happening.key, happening.kind);
        break;
      case 'giveUpWaiting': {
        const ticket = this.#waiting[happening.nth % Math.max(1, this.#waiting.length)];
        if (ticket === undefined) break;
        this.#waiting = this.#waiting.filter((other) => other !== ticket);
        this.#tell({ type: 'withdrawn', ticket });
        break;
      }
      case 'journal':
        this.#keep(happening.isKept);
        break;
      case 'answer':
        this.#answer(happening.isBatched, happening.answers);
        break;
      case 'bury': {
        const write = this.#burying.shift();
        if (write === undefined) break;
        if (happening.isTaken) this.#buried.add(write.operation);
        this.#tell({ type: happening.isTaken ? 'buried' : 'notBuried', key: write.key });
        break;
      }
      case 'pass':
        this.#nowMs += happening.ms;
        this.#tell({ type: 'due' });
        break;
      case 'drain':
        this.#tell({ type: 'draining', isDraining: happening.isDraining });
        break;
      case 'crash':
        if (this.#isJournaled) this.#crash(happening.isApplied);
        break;
    }
    this.#check();
  }

  /** Everything works from now on: all that was accepted must be in the store, or with whoever takes poison. */
  comeToRest(): void {
    this.#tell({ type: 'draining', isDraining: true });
    for (let step = 0; step < 500 && this.#queue.depth + this.#queue.waiting > 0; step += 1) {
      this.happen({ type: 'journal', isKept: true });
      this.happen({ type: 'answer', isBatched: false, answers: [DONE] });
      this.happen({ type: 'bury', isTaken: true });
      this.happen({ type: 'pass', ms: 1_000 });
    }
    if (this.#queue.depth + this.#queue.waiting > 0) this.#complain('it does not come to rest');
    for (const [key, operation] of this.#accepted) {
      if (this.#stored.get(key) !== operation && !this.#buried.has(operation)) this.#complain(`${key} was lost`);
    }
    if (this.#journal.length > 0) this.#complain('the journal keeps what is done');
  }

  #offer(key: string, kind: Operation['kind']): void {
    this.#lastTicket += 1;
    const operation: Operation = kind === 'write' ? { kind, value: this.#lastTicket } : { kind };
    this.#offered.set(this.#lastTicket, { key, operation });
    this.#waiting.push(this.#lastTicket);
    this.#tell({ type: 'offered', ticket: this.#lastTicket, key, operation });
  }

  #keep(isKept: boolean): void {
    const ticket = this.#journaling.shift();
    const offer = ticket === undefined ? undefined : this.#offered.get(ticket);
    if (ticket === undefined || offer === undefined) return;
    if (!isKept) {
      this.#tell({ type: 'notJournaled', ticket });
      return;
    }
    this.#lastId += 1;
    this.#journal.push({ ...offer, id: this.#lastId });
    this.#tell({ type: 'journaled', ticket, id: this.#lastId });
  }

  #answer(isBatched: boolean, answers: readonly StoreAnswer[]): void {
    const writes = this.#inFlight;
    if (writes.length === 0) return;
    const groups = isBatched
      ? (['write', 'remove'] as const).map((kind) => writes.filter(({ operation }) => operation.kind === kind))
      : writes.map((write) => [write]);
    this.#inFlight = [];
    const results = groups.flatMap((group, index): FlushResult[] => {
      if (group.length === 0) return [];
      const { isApplied, outcome } = answers[index % answers.length] ?? DONE;
      const hasIt = isApplied || outcome === 'done' || outcome === 'untold';
      for (const write of group) {
        if (hasIt) this.#apply(write);
        if (outcome === 'refused' || outcome === 'unknown') this.#blamed.add(write.operation);
      }
      return [{ keys: group.map(({ key }) => key), outcome }];
    });
    this.#tell({ type: 'flushed', results });
  }

  #apply({ key, operation }: QueuedWrite<number>): void {
    const before = this.#stored.get(key);
    if (before !== undefined && this.#placeOf(before) > this.#placeOf(operation)) {
      this.#complain(`an older write of ${key} reached the store after a newer one`);
    }
    this.#stored.set(key, operation);
  }

  #crash(isApplied: boolean): void {
    if (isApplied) for (const write of this.#inFlight) this.#apply(write);
    // What was on its way into the journal may have arrived, and nobody was told.
    for (const ticket of this.#journaling) {
      const offer = this.#offered.get(ticket);
      if (!isApplied || offer === undefined) continue;
      this.#lastId += 1;
      this.#journal.push({ ...offer, id: this.#lastId });
      this.#accept(offer.key, offer.operation);
    }
    this.#inFlight = [];
    this.#journaling = [];
    this.#waiting = [];
    this.#burying = [];
    this.#queue = this.#create();
    const newest = new Map(this.#journal.map((write) => [write.key, write]));
    this.#replayedCount = newest.size;
    this.#tell({ type: 'replayed', writes: [...newest.values()] });
  }

  #tell(event: Parameters<AnyQueue['handle']>[0]): void {
    for (const command of this.#queue.handle(event, this.#nowMs)) this.#obey(command);
  }

  #obey(command: Command): void {
    switch (command.do) {
      case 'journal':
        this.#letIn(command.ticket);
        this.#journaling.push(command.ticket);
        break;
      case 'accept': {
        const offer = this.#offered.get(command.ticket);
        if (offer === undefined) break;
        if (!this.#isJournaled) this.#letIn(command.ticket, offer.key);
        this.#accept(offer.key, offer.operation);
        break;
      }
      case 'refuse':
        if (this.#waiting.length <= this.#maxQueue) this.#complain('it refused while there was room to wait');
        this.#waiting = this.#waiting.filter((ticket) => ticket !== command.ticket);
        break;
      case 'flush':
        if (this.#inFlight.some(({ key }) => command.writes.some((write) => write.key === key))) {
          this.#complain('two writes of one key are in flight');
        }
        this.#inFlight = [...this.#inFlight, ...command.writes];
        break;
      case 'acknowledge':
        for (const { key, id } of command.writes) {
          this.#journal = this.#journal.filter((write) => write.key !== key || write.id > id);
        }
        break;
      case 'bury':
        if (!this.#blamed.has(command.write.operation)) this.#complain('an outage made a write poison');
        this.#burying.push(command.write);
        break;
      case 'retry':
      case 'wake':
        break;
    }
  }

  /** Who came first is let in first; a write that takes the place of one that is queued passes those of other keys. */
  #letIn(ticket: number, coalescingKey?: string): void {
    const passed = this.#waiting.slice(0, Math.max(0, this.#waiting.indexOf(ticket)));
    const isUnfair = passed.some(
      (other) => coalescingKey === undefined || this.#offered.get(other)?.key === coalescingKey,
    );
    if (isUnfair) this.#complain('a write passed one that had waited longer');
    this.#waiting = this.#waiting.filter((other) => other !== ticket);
  }

  #accept(key: string, operation: Operation): void {
    this.#place.set(operation, this.#place.size);
    this.#accepted.set(key, operation);
  }

  #check(): void {
    if (this.#queue.depth > Math.max(this.#maxQueue, this.#replayedCount + this.#maxQueue)) this.#complain('too many');
    if (this.#replayedCount === 0 && this.#queue.depth > this.#maxQueue) this.#complain('more than maxQueue are held');
    if (this.#queue.waiting > this.#maxQueue) this.#complain('more than maxQueue wait');
    for (const [key, operation] of this.#accepted) {
      const latest = this.#queue.latest(key);
      const hasLeft = this.#stored.get(key) === operation || this.#buried.has(operation);
      if (latest === undefined ? !hasLeft : latest !== operation)
        this.#complain(`${key} is not read as it was written`);
    }
  }

  #placeOf(operation: Operation): number {
    return this.#place.get(operation) ?? -1;
  }

  #complain(what: string): void {
    this.complaint ??= what;
  }
}
