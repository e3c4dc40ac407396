import { Deadline } from './deadline.ts';
import type { InFlight } from './program-order.ts';
import type { StatementRunner } from './statement-runner.ts';

/** How the caller of one item learns its fate. */
export interface Waiter<Answer> {
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
}

/** One key's place in a batch. */
export interface BatchItem<Content, Answer> {
  content: Content;
  readonly waiters: Waiter<Answer>[];
}

/** Items that travel in one statement. */
export class Batch<Content, Answer> implements InFlight {
  readonly items: Map<string, BatchItem<Content, Answer>> = new Map();
  readonly settled: Promise<void>;
  readonly deadline: Deadline;
  calls = 0;
  bytes = 0;
  #settle: () => void = () => {};

  constructor(timeoutMs: number, onOver: (batch: Batch<Content, Answer>) => void) {
    this.settled = new Promise((settle) => {
      this.#settle = settle;
    });
    this.deadline = new Deadline(timeoutMs, () => onOver(this));
  }

  rejectAll(error: unknown): void {
    for (const { waiters } of this.items.values()) for (const { reject } of waiters) reject(error);
  }

  end(): void {
    this.deadline.clear();
    this.#settle();
  }

  /** Lets go of the callers and their answers: what still knows the batch would make the garbage collector keep them too. */
  forget(): void {
    this.items.clear();
  }
}

/** How a {@link BatchQueue} sends. */
export interface BatchQueueOptions<Content, Answer> {
  readonly operation: string;
  readonly isWrite: boolean;
  readonly timeoutMs: number;
  /** How many items one statement takes at most; asked for each item. */
  readonly maxItems: () => number;
  /** How many bytes one statement takes at most, unless one item alone has more. */
  readonly maxBytes: number;
  /** Settles every waiter of a batch; what it throws rejects those that are left. */
  readonly send: (batch: Batch<Content, Answer>) => Promise<void>;
  /** The batch is settled: forget its keys. */
  readonly onSettled?: (batch: Batch<Content, Answer>) => void;
}

/** How many batches of a kind are under way at once: while they are, the next one grows. */
const MAX_IN_FLIGHT = 2;

const tick = Promise.resolve();

/**
 * Gathers the calls of one tick, after all its promise jobs (DataLoader's scheduling), and sends them together. A
 * batch's deadline starts with its first call and covers the wait for its turn. There is one timer a batch.
 */
export class BatchQueue<Content, Answer> {
  readonly #runner: StatementRunner;
  readonly #options: BatchQueueOptions<Content, Answer>;
  readonly #waiting: Batch<Content, Answer>[] = [];
  readonly #sent = new Set<Batch<Content, Answer>>();
  #inFlight = 0;
  #isArmed = false;
  readonly #flush = (): void => {
    this.#isArmed = false;
    while (this.#inFlight < MAX_IN_FLIGHT) {
      const batch = this.#waiting.shift();
      if (batch === undefined) return;
      void this.#send(batch);
    }
  };
  readonly #arm = (): void => {
    process.nextTick(this.#flush);
  };

  constructor(runner: StatementRunner, options: BatchQueueOptions<Content, Answer>) {
    this.#runner = runner;
    this.#options = options;
  }

  /** The batch that a call made now would join. */
  get open(): Batch<Content, Answer> | undefined {
    return this.#waiting.at(-1);
  }

  /** The batches that hold this key, queued or under way. */
  holding(key: string): InFlight[] {
    const batches: InFlight[] = [];
    for (const batch of this.#sent) if (batch.items.has(key)) batches.push(batch);
    for (const batch of this.#waiting) if (batch.items.has(key)) batches.push(batch);
    return batches;
  }

  /** Fulfils when every call known now is settled. */
  async settleAll(): Promise<void> {
    await Promise.all([...this.#sent, ...this.#waiting].map(({ settled }) => settled));
  }

  /**
   * Adds a call. A key that the open batch holds already takes the newer content; all its callers get the answer.
   *
   * @throws CacheUnavailableError when too many wait
   */
  add(key: string, content: Content, bytes: number, waiter: Waiter<Answer>): Batch<Content, Answer> {
    this.#runner.admit(this.#options.operation);
    const batch = this.#batchFor(key, bytes);
    const item = batch.items.get(key);
    if (item === undefined) {
      batch.items.set(key, { content, waiters: [waiter] });
    } else {
      item.content = content;
      item.waiters.push(waiter);
    }
    batch.calls += 1;
    batch.bytes += bytes;
    if (!this.#isArmed) {
      this.#isArmed = true;
      void tick.then(this.#arm);
    }
    return batch;
  }

  #batchFor(key: string, bytes: number): Batch<Content, Answer> {
    const { maxItems, maxBytes, timeoutMs } = this.#options;
    const open = this.open;
    if (open !== undefined) {
      if (open.items.has(key)) return open;
      if (open.items.size < maxItems() && open.bytes + bytes <= maxBytes) return open;
    }
    const batch = new Batch<Content, Answer>(timeoutMs, this.#onOver);
    this.#waiting.push(batch);
    return batch;
  }

  async #send(batch: Batch<Content, Answer>): Promise<void> {
    this.#inFlight += 1;
    this.#sent.add(batch);
    try {
      await this.#options.send(batch);
    } catch (error) {
      if (!batch.deadline.isOver) {
        batch.rejectAll(this.#runner.explain(error, this.#options.operation, this.#options.isWrite));
      }
    }
    this.#runner.dismiss(batch.calls);
    if (!batch.deadline.isOver) this.#end(batch);
    batch.forget();
  }

  readonly #onOver = (batch: Batch<Content, Answer>): void => {
    const { operation, timeoutMs, isWrite } = this.#options;
    const position = this.#waiting.indexOf(batch);
    if (position >= 0) {
      this.#waiting.splice(position, 1);
      this.#runner.dismiss(batch.calls);
    }
    batch.rejectAll(this.#runner.timeout(operation, timeoutMs, isWrite && position < 0));
    this.#runner.distrust(batch.deadline, isWrite);
    this.#end(batch, position < 0);
  };

  #end(batch: Batch<Content, Answer>, wasSent = true): void {
    this.#sent.delete(batch);
    this.#options.onSettled?.(batch);
    batch.end();
    if (wasSent) this.#inFlight -= 1;
    if (this.#waiting.length > 0 && !this.#isArmed) this.#flush();
  }
}
