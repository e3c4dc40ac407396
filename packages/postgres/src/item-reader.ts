import type { CacheError } from '@cache/core';
import { type Batch, BatchQueue, Waiter } from './batch-queue.ts';
import { payloadBytes } from './cache-entry.ts';
import type { Deadline } from './deadline.ts';
import type { InFlight } from './program-order.ts';
import type { Doubt, ReadStatements } from './read-statements.ts';
import type { Statement } from './statement.ts';
import type { Row, StatementRunner } from './statement-runner.ts';
import type { ValueCodec } from './stored-value.ts';

/** One call of `get`, or one key of an `mget`. */
class ReadWaiter extends Waiter<unknown> {
  /** Set before it is resolved: the size of what was found. */
  bytes = 0;
}

/** What a reader reports to. */
export interface ReaderEffects {
  /** A read found a row that has expired. */
  readonly onExpired: (key: string) => void;
  /** A row cannot be read: `value` and `payload` as they were found. `key` is missing if it is not the one asked for. */
  readonly onCorrupt: (error: CacheError, key: string, value: Buffer | null, payload: Buffer | null) => void;
}

/** How an {@link ItemReader} reads. */
export interface ItemReaderOptions {
  /** What goes before keys, in hexadecimal digits. */
  readonly prefix: string;
  readonly timeoutMs: number;
  readonly maxBatchSize: number;
}

/** How long reads are judged at once after a log was found with something in it. */
const DOUBT_MS = 1_000;

/** How much one statement is to read: a read that comes later waits behind it. */
const MAX_REPLY_BYTES = 1_048_576;

/**
 * From so many keys, or so much to read, on, the server would have nothing to do for too long while this process parses,
 * and this process nothing while the server reads. Below, a second statement costs more than their overlap gains.
 */
const OVERLAP_ITEMS = 16;
const OVERLAP_BYTES = 65_536;

/** Keys travel as one text: this much of it a statement. */
const MAX_KEY_BYTES = 1_048_576;

/** Reads values, those of one tick together. */
export class ItemReader {
  readonly #runner: StatementRunner;
  readonly #statements: ReadStatements;
  readonly #codec: ValueCodec;
  readonly #effects: ReaderEffects;
  readonly #prefix: string;
  readonly #queue: BatchQueue<undefined, unknown>;
  /** What a value takes, of those found lately. */
  #meanBytes = 0;
  /** Until then everything is judged at once, as doubts are likely. */
  #isDoubtfulUntil = Number.NEGATIVE_INFINITY;

  constructor(
    runner: StatementRunner,
    statements: ReadStatements,
    codec: ValueCodec,
    effects: ReaderEffects,
    { prefix, timeoutMs, maxBatchSize }: ItemReaderOptions,
  ) {
    this.#runner = runner;
    this.#statements = statements;
    this.#codec = codec;
    this.#effects = effects;
    this.#prefix = prefix;
    this.#queue = new BatchQueue(runner, {
      operation: 'get',
      isWrite: false,
      timeoutMs,
      maxItems: () => Math.min(maxBatchSize, Math.ceil(MAX_REPLY_BYTES / this.#meanBytes)),
      maxBytes: MAX_KEY_BYTES,
      paysToOverlap: (items) => items >= OVERLAP_ITEMS || items * this.#meanBytes >= OVERLAP_BYTES,
      send: (batch) => this.#send(batch),
    });
  }

  /** The value, or `undefined`. Callers who share a key get copies of their own. */
  get(key: string): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#queue.add(key, undefined, key.length, new ReadWaiter(resolve, reject));
    });
  }

  /** Likewise, with the size of what was found. */
  getSized(key: string): Promise<{ readonly value: unknown; readonly bytes: number }> {
    return new Promise((resolve, reject) => {
      const waiter: ReadWaiter = new ReadWaiter((value) => {
        const { bytes } = waiter;
        resolve(isPromise(value) ? value.then((settled) => ({ value: settled, bytes })) : { value, bytes });
      }, reject);
      this.#queue.add(key, undefined, key.length, waiter);
    });
  }

  /** The reads of this key that are queued or under way. */
  reading(key: string): InFlight[] {
    return this.#queue.holding(key);
  }

  /** Fulfils when every read known now is settled. */
  settleAll(): Promise<void> {
    return this.#queue.settleAll();
  }

  async #send(batch: Batch<undefined, unknown>): Promise<void> {
    const { items, deadline } = batch;
    const { getOne, getMany, judgeOne, judgeMany } = this.#statements;
    let doubtful = new Set<string>();
    if (performance.now() < this.#isDoubtfulUntil) {
      doubtful = new Set(items.keys());
    } else {
      await this.#fetch(getOne, getMany, [...items.keys()], deadline, (row) => this.#answer(batch, row, doubtful));
    }
    if (doubtful.size > 0) {
      await this.#fetch(judgeOne, judgeMany, [...doubtful], deadline, (row) => this.#answer(batch, row, doubtful));
    }
    for (const item of items.values()) item.resolve(undefined);
  }

  #fetch(
    one: Statement,
    many: Statement,
    keys: readonly string[],
    deadline: Deadline,
    onRow: (row: Row) => void,
  ): Promise<void> {
    const [key = ''] = keys;
    return keys.length === 1
      ? this.#runner.stream(one, [this.#prefix, key], deadline, this.#meanBytes, onRow)
      : this.#runner.stream(many, [this.#prefix, JSON.stringify(keys)], deadline, this.#meanBytes * keys.length, onRow);
  }

  #answer(batch: Batch<undefined, unknown>, row: Row, doubtful: Set<string>): void {
    const key = row[1]?.toString('utf8') ?? '';
    const item = batch.items.get(key);
    const value = row[2] ?? null;
    const payload = row[3] ?? null;
    if (key === '') {
      this.#effects.onCorrupt(this.#runner.foreignKey(), '', null, null);
    } else if (item === undefined || batch.deadline.isOver) {
      // It was answered by a statement whose connection was lost before its end, or nobody waits for it any more.
    } else if (row[4]) {
      doubtful.add(key);
      const doubt = row[4].toString('latin1') as Doubt;
      // Who meets one tagged item will meet others; a log is empty again before long.
      this.#isDoubtfulUntil = doubt === 'tags' ? Number.POSITIVE_INFINITY : performance.now() + DOUBT_MS;
    } else if (value === null && payload === null) {
      this.#effects.onExpired(key);
    } else {
      batch.items.delete(key);
      let waiter = item.firstWaiter as ReadWaiter | undefined;
      for (; waiter !== undefined; waiter = waiter.next as ReadWaiter | undefined)
        this.#resolve(waiter, key, value, payload);
    }
  }

  #resolve(waiter: ReadWaiter, key: string, value: Buffer | null, payload: Buffer | null): void {
    waiter.bytes = payloadBytes(value, payload);
    this.#meanBytes += (waiter.bytes - this.#meanBytes) / 16;
    const corrupt = (error: unknown): undefined => {
      this.#effects.onCorrupt(error as CacheError, key, value, payload);
      return undefined;
    };
    try {
      const decoded = this.#codec.decode(value, payload);
      waiter.resolve(isPromise(decoded) ? decoded.catch(corrupt) : decoded);
    } catch (error) {
      waiter.resolve(corrupt(error));
    }
  }
}

function isPromise(value: unknown): value is Promise<unknown> {
  return value instanceof Promise;
}
