import { type Batch, BatchQueue, Waiter } from './batch-queue.ts';
import { textsAt } from './row.ts';
import type { Parameters, StatementRunner } from './statement-runner.ts';
import type { WriteStatements } from './write-statements.ts';

/** How an {@link ItemRemover} removes. */
export interface ItemRemoverOptions {
  /** What goes before keys, in hexadecimal digits. */
  readonly prefix: string;
  /** What follows the keys: the namespace, and the origin where events are told. */
  readonly trailing: Parameters;
  readonly timeoutMs: number;
  readonly maxBatchSize: number;
  /** Log removals instead of deleting rows: see `logRemovals`. */
  readonly isTransaction: boolean;
  /** The batch is settled. */
  readonly onSettled: (batch: Batch<undefined, boolean>) => void;
}

/** Removes items, those of one tick in one statement, and says which of them were live. */
export class ItemRemover {
  readonly #queue: BatchQueue<undefined, boolean>;

  constructor(runner: StatementRunner, statements: WriteStatements, options: ItemRemoverOptions) {
    const { prefix, trailing, timeoutMs, maxBatchSize, isTransaction, onSettled } = options;
    this.#queue = new BatchQueue(runner, {
      operation: 'removeItem',
      isWrite: true,
      timeoutMs,
      maxItems: () => maxBatchSize,
      maxBytes: Number.POSITIVE_INFINITY,
      onSettled,
      send: async ({ items, deadline }) => {
        const keys = JSON.stringify([...items.keys()]);
        const row = isTransaction
          ? await runner.executeOne(statements.logRemovals, [prefix, keys, 'false', ...trailing], deadline)
          : await runner.executeOne(statements.remove, [prefix, keys, ...trailing], deadline);
        const live = new Set(textsAt(row, 1));
        for (const [key, item] of items) item.resolve(live.has(key));
      },
    });
  }

  /** True if a live item was there; `onBatch` hears in which batch it goes. */
  remove(key: string, onBatch?: (batch: Batch<undefined, boolean>) => void): Promise<boolean> {
    return new Promise((resolve, reject) => {
      const batch = this.#queue.add(key, undefined, key.length, new Waiter(resolve, reject));
      onBatch?.(batch);
    });
  }
}
