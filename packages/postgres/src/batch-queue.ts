import { Deadline } from './deadline.ts';
import type { InFlight } from './program-order.ts';
import type { StatementRunner } from './statement-runner.ts';

/**
 * How the caller of one item learns its fate.
 *
 * This and {@link BatchItem} are made by constructors and linked by hand. Literals would be found by V8 to outlive
 * collections after one burst of calls, and be made in its old space from then on, where each keeps the answer that it
 * led to until a full collection: reads of 20 KB took half as much processor time again.
 */
export class Waiter<Answer> {
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
  /** Who waits for the same item besides. */
  next: Waiter<Answer> | undefined = undefined;

  constructor(resolve: (answer: Answer) => void, reject: (error: unknown) => void) {
    this.resolve = resolve;
    this.reject = reject;
  }
}

/** One key's place in a batch. */
export class BatchItem<Content, Answer> {
  content: Content;
  readonly firstWaiter: Waiter<Answer>;
  #lastWaiter: Waiter<Answer>;
  #waiterCount = 1;

  constructor(content: Content, waiter: Waiter<Answer>) {
    this.content = content;
    this.firstWaiter = waiter;
    this.#lastWaiter = waiter;
  }

  get waiterCount(): number {
    return this.#waiterCount;
  }

  /** One more caller, whose content takes the place of the earlier ones'. */
  join(content: Content, waiter: Waiter<Answer>): void {
    this.content = content;
    this.#lastWaiter.next = waiter;
    this.#lastWaiter = waiter;
    this.#waiterCount += 1;
  }

  resolve(answer: Answer): void {
    for (let waiter: Waiter<Answer> | undefined = this.firstWaiter; waiter !== undefined; waiter = waiter.next)
      waiter.resolve(answer);
  }

  reject(error: unknown): void {
    for (let waiter: Waiter<Answer> | undefined = this.firstWaiter; waiter !== undefined; waiter = waiter.next)
      waiter.reject(error);
  }
}

/** Items that travel in one statement. */
export class Batch<Content, Answer> implements InFlight {
  readonly items: Map<string, BatchItem<Content, Answer>> = new Map();
  readonly settled: Promise<void>;
  readonly deadline: Deadline;
  calls = 0;
  bytes = 0;
  #settle: () => void = () => {};
  #half: Batch<Content, Answer> | undefined;

  constructor(timeoutMs: number, onOver: (batch: Batch<Content, Answer>) => void) {
    this.settled = new Promise((settle) => {
      this.#settle = settle;
    });
    this.deadline = new Deadline(timeoutMs, () => onOver(this));
  }

  /**
   * Gives the second half of its items to another, which has none. It is not settled before the other: a write that was
   * called meanwhile waits for this batch, whichever of them has its key now.
   */
  moveHalf(other: Batch<Content, Answer>): void {
    this.#half = other;
    let kept = this.items.size >> 1;
    const bytesEach = this.bytes / this.items.size;
    for (const [key, item] of this.items) {
      kept -= 1;
      if (kept >= 0) continue;
      this.items.delete(key);
      other.items.set(key, item);
      other.calls += item.waiterCount;
      other.bytes += bytesEach;
    }
    this.calls -= other.calls;
    this.bytes -= other.bytes;
  }

  rejectAll(error: unknown): void {
    for (const item of this.items.values()) item.reject(error);
  }

  end(): void {
    this.deadline.clear();
    if (this.#half === undefined) this.#settle();
    else void this.#half.settled.then(this.#settle);
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
  /**
   * True if so many items are better sent in two statements when nothing is under way, so that the server works on one
   * while this process works on the other. Left out where one statement costs the server much less than two.
   */
  readonly paysToOverlap?: (items: number) => boolean;
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
      if (this.#inFlight === 0 && this.#waiting.length === 0) this.#overlap(batch);
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
    if (item === undefined) batch.items.set(key, new BatchItem(content, waiter));
    else item.join(content, waiter);
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

  /** Leaves half of a batch to a second statement, where that pays. */
  #overlap(batch: Batch<Content, Answer>): void {
    const { paysToOverlap, timeoutMs } = this.#options;
    if (batch.items.size < 2 || paysToOverlap?.(batch.items.size) !== true) return;
    const half = new Batch<Content, Answer>(timeoutMs, this.#onOver);
    batch.moveHalf(half);
    this.#waiting.push(half);
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
