import type { QueuedWrite, WriteOperation } from './queued-write.ts';
import { WaitingLine } from './waiting-line.ts';
import type {
  FlushResult,
  PendingWrite,
  RetryReason,
  WriteQueueCommand,
  WriteQueueEvent,
} from './write-queue-events.ts';

/** How a queue behaves. */
export interface WriteQueuePolicy {
  readonly maxBatch: number;
  readonly maxDelayMs: number;
  readonly maxQueue: number;
  readonly maxAttempts: number;
  readonly minRetryDelayMs: number;
  readonly maxRetryDelayMs: number;
  /** True if writes must be in the journal before they count. */
  readonly isJournaled: boolean;
  /** True if there is somebody to hand a poison write to. */
  readonly canBury: boolean;
  /** A write's number, greater than the last one, where no journal gives it one. */
  readonly nextId: (last: number) => number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

interface Item<V> extends PendingWrite<V> {
  operation: WriteOperation<V>;
  id: number;
  queuedAtMs: number;
  attempts: number;
  isStored: boolean;
  /** How many flushes had succeeded when it first failed by itself. */
  successesAtFailure: number;
  group: Group | undefined;
}

/** Writes that are sent together, and with nothing else: a batch to repeat, half of a failed one, a suspect. */
interface Group {
  readonly keys: Set<string>;
  dueAtMs: number;
  readonly tries: number;
}

interface Failure {
  readonly reason: RetryReason;
  readonly error: unknown;
}

interface Offer<V> {
  readonly ticket: number;
  readonly key: string;
  readonly operation: WriteOperation<V>;
}

/**
 * The queue between a cache and its store: events in, commands out. It does no I/O and has no clock; whoever drives it hands
 * in the time, carries the commands out and reports back.
 *
 * Invariants, which the model test holds against every order of events:
 * - of one key at most one write is in flight, and never an older one after a newer one was sent;
 * - a write leaves the queue only because the store has it and the cache knows, because a newer one of its key is queued, or
 *   because it was handed over as poison;
 * - `latest` gives the newest accepted write of a key until it leaves;
 * - at most `maxQueue` writes are held, replayed ones apart, and at most as many wait to be let in;
 * - waiting writes are let in in the order in which they came;
 * - a write that fails because the store is out of reach is never poison.
 */
export class WriteQueue<V> {
  readonly #policy: WriteQueuePolicy;
  readonly #waiting = new WaitingLine<Offer<V>>();
  readonly #journaling = new Map<number, Offer<V>>();
  readonly #unsent = new Map<string, Item<V>>();
  /** Unsent and in no group, the oldest first. */
  readonly #ready = new Set<string>();
  #groups: Group[] = [];
  readonly #sent = new Map<string, Item<V>>();
  readonly #burying = new Map<string, Item<V>>();
  #sentTries = 0;
  #outages = 0;
  #successes = 0;
  #pausedUntilMs = Number.NEGATIVE_INFINITY;
  #lastId = 0;
  #isDraining = false;
  #commands: WriteQueueCommand<V>[] = [];

  constructor(policy: WriteQueuePolicy) {
    this.#policy = policy;
  }

  /** Writes held: in the journal's hands, unsent, in flight, being handed over. */
  get depth(): number {
    return this.#journaling.size + this.#unsent.size + this.#sent.size + this.#burying.size;
  }

  /** Writes that wait to be let in. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** True while this offer waits to be let in. */
  isWaiting(ticket: number): boolean {
    return this.#waiting.has(ticket);
  }

  /** What the store will hold for the key when all is done; `undefined` if nothing is queued for it. */
  latest(key: string): WriteOperation<V> | undefined {
    return (this.#unsent.get(key) ?? this.#sent.get(key) ?? this.#burying.get(key))?.operation;
  }

  /** The newest write of each key that has not left. */
  remaining(): QueuedWrite<V>[] {
    const newest = new Map([...this.#burying, ...this.#sent, ...this.#unsent]);
    return [...newest.values()].map(({ key, operation, id }) => ({ key, operation, id }));
  }

  /** Takes what happened in and gives what is to be done, in order. */
  handle(event: WriteQueueEvent<V>, nowMs: number): readonly WriteQueueCommand<V>[] {
    this.#take(event, nowMs);
    this.#admit(nowMs);
    this.#send(nowMs);
    const commands = this.#commands;
    this.#commands = [];
    return commands;
  }

  #take(event: WriteQueueEvent<V>, nowMs: number): void {
    switch (event.type) {
      case 'offered':
        this.#offered(event, nowMs);
        break;
      case 'withdrawn':
        this.#waiting.leave(event.ticket);
        break;
      case 'journaled':
        this.#journaled(event.ticket, event.id, nowMs);
        break;
      case 'notJournaled':
        this.#journaling.delete(event.ticket);
        break;
      case 'replayed':
        for (const { key, operation, id } of event.writes) this.#queue(key, operation, id, nowMs);
        break;
      case 'flushed':
        for (const result of event.results) this.#flushed(result, nowMs);
        break;
      case 'buried':
        this.#buried(event.key);
        break;
      case 'notBuried':
        this.#notBuried(event.key, nowMs);
        break;
      case 'draining':
        this.#isDraining = event.isDraining;
        if (event.isDraining) this.#endPauses(nowMs);
        break;
      case 'due':
        break;
    }
  }

  #offered({ ticket, key, operation }: Offer<V>, nowMs: number): void {
    // Who waits for this key already is older: to pass it would reverse the two.
    const mayCoalesce = !this.#policy.isJournaled && this.#unsent.has(key) && !this.#waiting.hasKey(key);
    if (mayCoalesce) {
      this.#queue(key, operation, this.#policy.nextId(this.#lastId), nowMs);
      this.#commands.push({ do: 'accept', ticket });
      return;
    }
    // Room is given away before each event ends: where there is some, nobody waits.
    if (this.depth >= this.#policy.maxQueue && this.#waiting.size >= this.#policy.maxQueue) {
      this.#commands.push({ do: 'refuse', ticket });
      return;
    }
    this.#waiting.join({ ticket, key, operation });
  }

  #admit(nowMs: number): void {
    for (let first = this.#waiting.first(); first !== undefined; first = this.#waiting.first()) {
      const { ticket, key, operation } = first;
      const takesNoRoom = !this.#policy.isJournaled && this.#unsent.has(key);
      if (this.depth >= this.#policy.maxQueue && !takesNoRoom) return;
      this.#waiting.leave(ticket);
      if (this.#policy.isJournaled) {
        this.#journaling.set(ticket, { ticket, key, operation });
        this.#commands.push({ do: 'journal', ticket, key, operation });
      } else {
        this.#queue(key, operation, this.#policy.nextId(this.#lastId), nowMs);
        this.#commands.push({ do: 'accept', ticket });
      }
    }
  }

  #journaled(ticket: number, id: number, nowMs: number): void {
    const offer = this.#journaling.get(ticket);
    if (offer === undefined) return;
    this.#journaling.delete(ticket);
    this.#queue(offer.key, offer.operation, id, nowMs);
    this.#commands.push({ do: 'accept', ticket });
  }

  /** The last of a key wins, in the place of the first: a key that is written all the time is flushed all the same. */
  #queue(key: string, operation: WriteOperation<V>, id: number, nowMs: number): void {
    this.#lastId = Math.max(this.#lastId, id);
    const older = this.#unsent.get(key);
    this.#detach(older);
    this.#ready.add(key);
    this.#unsent.set(key, {
      key,
      operation,
      id,
      queuedAtMs: older?.queuedAtMs ?? nowMs,
      attempts: 0,
      isStored: false,
      successesAtFailure: 0,
      group: undefined,
    });
  }

  #detach(item: Item<V> | undefined): void {
    item?.group?.keys.delete(item.key);
  }

  #flushed({ keys, outcome, error }: FlushResult, nowMs: number): void {
    const items = keys.flatMap((key) => this.#sent.get(key) ?? []);
    for (const { key } of items) this.#sent.delete(key);
    if (outcome === 'done') {
      this.#successes += 1;
      this.#outages = 0;
      this.#commands.push({ do: 'acknowledge', writes: items });
      return;
    }
    if (outcome === 'untold') for (const item of items) item.isStored = true;
    // Of a write that failed and has a successor, only the successor counts.
    const current = items.filter(({ key }) => !this.#unsent.has(key));
    if (current.length > 0) this.#failed(current, { reason: outcome, error }, nowMs);
  }

  #failed(items: Item<V>[], failure: Failure, nowMs: number): void {
    const [first] = items;
    if (failure.reason === 'outage') {
      this.#outages += 1;
      const delayMs = this.#delayMs(this.#outages);
      this.#pausedUntilMs = nowMs + delayMs;
      this.#again(items, failure, delayMs, nowMs);
    } else if (failure.reason === 'untold') {
      const tries = this.#sentTries + 1;
      this.#again(items, failure, this.#delayMs(tries), nowMs, tries);
    } else if (first !== undefined && items.length === 1) {
      this.#suspect(first, failure, nowMs);
    } else {
      // One of them is to blame: each half by itself, until it stands alone.
      const half = Math.ceil(items.length / 2);
      this.#again(items.slice(0, half), failure, 0, nowMs);
      this.#again(items.slice(half), failure, 0, nowMs);
    }
  }

  #suspect(item: Item<V>, failure: Failure, nowMs: number): void {
    if (item.attempts === 0) item.successesAtFailure = this.#successes;
    item.attempts += 1;
    // An error that says nothing may be the store's: only if another write got through meanwhile is it this one's.
    const isToBlame = failure.reason === 'refused' || this.#successes > item.successesAtFailure;
    if (this.#policy.canBury && isToBlame && item.attempts >= this.#policy.maxAttempts) {
      this.#burying.set(item.key, item);
      this.#commands.push({ do: 'bury', write: item, error: failure.error });
    } else {
      this.#again([item], failure, this.#delayMs(item.attempts), nowMs);
    }
  }

  #again(items: readonly Item<V>[], { reason, error }: Failure, delayMs: number, nowMs: number, tries = 0): void {
    const group: Group = { keys: new Set(items.map(({ key }) => key)), dueAtMs: nowMs + delayMs, tries };
    for (const item of items) {
      item.group = group;
      this.#unsent.set(item.key, item);
    }
    this.#groups.push(group);
    this.#commands.push({ do: 'retry', count: items.length, delayMs, reason, error });
  }

  #buried(key: string): void {
    const item = this.#burying.get(key);
    if (item === undefined) return;
    this.#burying.delete(key);
    this.#commands.push({ do: 'acknowledge', writes: [item] });
  }

  #notBuried(key: string, nowMs: number): void {
    const item = this.#burying.get(key);
    if (item === undefined) return;
    this.#burying.delete(key);
    if (!this.#unsent.has(key))
      this.#again([item], { reason: 'refused', error: undefined }, this.#policy.maxRetryDelayMs, nowMs);
  }

  /** Exponential, and between half of it and all of it by chance, so that processes do not come back all at once. */
  #delayMs(attempts: number): number {
    const { minRetryDelayMs, maxRetryDelayMs, random } = this.#policy;
    return Math.min(maxRetryDelayMs, minRetryDelayMs * 2 ** (attempts - 1)) * (0.5 + random() / 2);
  }

  /** A pause may be longer than the time there is, and what it was for be over. */
  #endPauses(nowMs: number): void {
    this.#outages = 0;
    this.#pausedUntilMs = Number.NEGATIVE_INFINITY;
    for (const group of this.#groups) group.dueAtMs = Math.min(group.dueAtMs, nowMs);
  }

  #send(nowMs: number): void {
    if (this.#sent.size > 0 || this.#unsent.size === 0) return;
    const writes = nowMs < this.#pausedUntilMs ? [] : this.#nextBatch(nowMs);
    if (writes.length === 0) {
      const dueAtMs = Math.max(this.#pausedUntilMs, this.#nextDueAtMs());
      // What waits for a handing-over is woken by it.
      if (dueAtMs !== Number.POSITIVE_INFINITY) this.#commands.push({ do: 'wake', inMs: Math.max(0, dueAtMs - nowMs) });
      return;
    }
    for (const item of writes) {
      this.#unsent.delete(item.key);
      this.#ready.delete(item.key);
      this.#detach(item);
      item.group = undefined;
      this.#sent.set(item.key, item);
    }
    this.#commands.push({ do: 'flush', writes });
  }

  #nextBatch(nowMs: number): Item<V>[] {
    this.#groups = this.#groups.filter(({ keys }) => keys.size > 0);
    for (const group of this.#groups) {
      const keys = group.dueAtMs <= nowMs ? this.#sendable(group.keys, Number.POSITIVE_INFINITY) : [];
      if (keys.length === 0) continue;
      this.#sentTries = group.tries;
      return keys;
    }
    this.#sentTries = 0;
    if (this.#readyAtMs() > nowMs) return [];
    return this.#sendable(this.#ready, this.#policy.maxBatch);
  }

  /** A key whose older write is being handed over waits for that. */
  #sendable(keys: Iterable<string>, limit: number): Item<V>[] {
    const items: Item<V>[] = [];
    for (const key of keys) {
      const item = this.#unsent.get(key);
      if (item !== undefined && !this.#burying.has(key)) items.push(item);
      if (items.length === limit) break;
    }
    return items;
  }

  #readyAtMs(): number {
    const { maxBatch, maxDelayMs } = this.#policy;
    const [oldest] = this.#sendable(this.#ready, 1);
    if (oldest === undefined) return Number.POSITIVE_INFINITY;
    return this.#isDraining || this.#ready.size >= maxBatch ? Number.NEGATIVE_INFINITY : oldest.queuedAtMs + maxDelayMs;
  }

  #nextDueAtMs(): number {
    let dueAtMs = this.#readyAtMs();
    for (const group of this.#groups) {
      if (this.#sendable(group.keys, 1).length > 0) dueAtMs = Math.min(dueAtMs, group.dueAtMs);
    }
    return dueAtMs;
  }
}
