import { CacheValueError, type Expiration, redactedCause } from '@cache/core';
import { type Batch, type BatchItem, BatchQueue, Waiter } from './batch-queue.ts';
import type { Deadline } from './deadline.ts';
import { driverErrorCode, isDataError } from './driver-error.ts';
import { numberAt } from './row.ts';
import type { Parameters, Row, StatementRunner } from './statement-runner.ts';
import type { EncodedValue } from './stored-value.ts';
import type { WriteStatements } from './write-statements.ts';

/** How an {@link ItemWriter} writes. */
export interface ItemWriterOptions {
  /** What goes before keys, in hexadecimal digits. */
  readonly prefix: string;
  /** What follows the items: the namespace, and the origin where events are told. */
  readonly trailing: Parameters;
  readonly timeoutMs: number;
  readonly maxBatchSize: number;
  /** A statement that fails ends the transaction: there is no trying its halves. */
  readonly isTransaction: boolean;
  /** The batch is settled. */
  readonly onSettled: (batch: Batch<ItemContent, void>) => void;
}

/** What is to be stored under a key. */
export interface ItemContent {
  readonly value: EncodedValue;
  readonly lifetime: Expiration;
  readonly tags: readonly string[];
}

type WriteItem = readonly [key: string, item: BatchItem<ItemContent, void>];

/** Items travel as one text of about this much. More of them in one statement only keeps the other connection idle. */
const MAX_BATCH_BYTES = 131_072;

/** One item as `set`, `setWithNx` and `fill` take it. */
export function itemElement(key: string, { value, lifetime, tags }: ItemContent): string {
  const { json, hex, unchecked } = value;
  if (json !== null && tags.length === 0) return `[${JSON.stringify(key)},${json},${lifetime}]`;
  const labels = tags.length === 0 ? 'null' : JSON.stringify(tags);
  const bytes = hex === null ? 'null' : `"${hex}"`;
  return `[${JSON.stringify(key)},${json},${lifetime},${labels},${bytes},${JSON.stringify(unchecked)}]`;
}

/**
 * Stores items, those of one tick in one statement. An item that PostgreSQL refuses fails alone: the batch is halved
 * until it is found, and all others are stored.
 */
export class ItemWriter {
  readonly #runner: StatementRunner;
  readonly #statements: WriteStatements;
  readonly #options: ItemWriterOptions;
  readonly #queue: BatchQueue<ItemContent, void>;

  constructor(runner: StatementRunner, statements: WriteStatements, options: ItemWriterOptions) {
    this.#runner = runner;
    this.#statements = statements;
    this.#options = options;
    this.#queue = new BatchQueue(runner, {
      operation: 'set',
      isWrite: true,
      timeoutMs: options.timeoutMs,
      maxItems: () => options.maxBatchSize,
      maxBytes: MAX_BATCH_BYTES,
      send: (batch) => this.#store([...batch.items], batch.deadline),
      onSettled: options.onSettled,
    });
  }

  /** True if a set of this key made now replaces one that has not been sent. */
  isOpenFor(key: string): Batch<ItemContent, void> | undefined {
    const { open } = this.#queue;
    return open?.items.has(key) ? open : undefined;
  }

  /** Stores an item; `onBatch` hears in which batch it goes. */
  set(key: string, content: ItemContent, onBatch?: (batch: Batch<ItemContent, void>) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      const batch = this.#queue.add(key, content, key.length + content.value.bytes, new Waiter(resolve, reject));
      onBatch?.(batch);
    });
  }

  async #store(items: readonly WriteItem[], deadline: Deadline): Promise<void> {
    try {
      const row = await this.#execute(items, deadline);
      if (numberAt(row, 1) !== items.length) throw new Error('Another number of items was stored than was sent.');
      for (const [, item] of items) item.resolve();
    } catch (error) {
      if (!isDataError(error) || this.#options.isTransaction) throw error;
      await this.#isolate(items, deadline, error);
    }
  }

  #execute(items: readonly WriteItem[], deadline: Deadline): Promise<Row> {
    const { prefix, trailing } = this.#options;
    const { set, setOne } = this.#statements;
    const [[key, { content }]] = items as readonly [WriteItem];
    const { value, lifetime, tags } = content;
    if (items.length === 1 && value.json !== null && tags.length === 0) {
      const [namespace = '', ...origin] = trailing;
      const end = lifetime === null ? null : String(lifetime);
      return this.#runner.executeOne(setOne, [prefix, key, namespace, value.json, end, ...origin], deadline);
    }
    const text = `[${items.map(([itemKey, item]) => itemElement(itemKey, item.content)).join(',')}]`;
    return this.#runner.executeOne(set, [prefix, text, ...trailing], deadline);
  }

  async #isolate(items: readonly WriteItem[], deadline: Deadline, error: unknown): Promise<void> {
    const [only] = items;
    if (only !== undefined && items.length === 1) {
      const [key, item] = only;
      const message = `PostgreSQL cannot store the value (SQLSTATE ${driverErrorCode(error)}).`;
      const context = { operation: 'set', backend: 'postgres', key, path: '$', cause: redactedCause(error) };
      item.reject(new CacheValueError(message, context));
      return;
    }
    const middle = items.length >> 1;
    await this.#store(items.slice(0, middle), deadline);
    await this.#store(items.slice(middle), deadline);
  }
}
