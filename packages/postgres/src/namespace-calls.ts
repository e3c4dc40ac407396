import {
  type CacheErrorContext,
  type CacheOperation,
  CacheOptionError,
  type CleanupOptions,
  type Interruptible,
  validateKeyPrefix,
  validateTagList,
} from '@cache/core';
import type { CacheEngine } from './cache-engine.ts';
import { contextOf } from './call-context.ts';
import { Maintenance } from './maintenance.ts';
import { textAt, textsAt } from './row.ts';

/** After what a transaction removed has been logged, it is carried out so many milliseconds later. */
const APPLY_AFTER_MS = 1_000;

/** How many rows of the table `keys` looks at in one statement. */
const ROWS_A_LISTING = 1_000;

/** The calls that are about many keys at once: the namespace, a prefix, tags, what has expired. */
export class NamespaceCalls {
  readonly #engine: CacheEngine;
  readonly #maintenance: Maintenance;
  #applyTimer: NodeJS.Timeout | undefined;

  constructor(engine: CacheEngine) {
    const { runner, statements, prefix, options } = engine;
    const { namespace, writeTimeoutMs } = options;
    this.#engine = engine;
    this.#maintenance = new Maintenance(runner, statements.maintenance, {
      prefix,
      namespace,
      timeoutMs: writeTimeoutMs,
    });
  }

  async clear(options: Interruptible): Promise<void> {
    await this.#clear('clear', null, options);
  }

  async clearPrefix(prefix: string, options: Interruptible): Promise<void> {
    this.#engine.assertOpen('clearPrefix');
    this.#validatePrefix(prefix, contextOf('clearPrefix'));
    await this.#clear('clearPrefix', prefix, options);
  }

  async *keys(prefix: string, { signal }: Interruptible): AsyncGenerator<string, void, undefined> {
    this.#engine.assertOpen('keys');
    this.#validatePrefix(prefix, contextOf('keys'));
    const { order, options, runner, statements, prefix: keyPrefix } = this.#engine;
    await order.settleAll();
    for (let position = '0'; ; ) {
      signal?.throwIfAborted();
      this.#engine.assertOpen('keys');
      const parameters = [keyPrefix, options.namespace, prefix, position, String(ROWS_A_LISTING)];
      const row = await runner.callOne('keys', statements.reads.listKeys, parameters, options.readTimeoutMs);
      for (const key of textsAt(row, 2)) {
        yield key;
        signal?.throwIfAborted();
      }
      const next = textAt(row, 1);
      if (next === undefined) return;
      position = next;
    }
  }

  async cleanupExpired(options: CleanupOptions): Promise<number> {
    this.#engine.assertOpen('cleanupExpired');
    const context = contextOf('cleanupExpired');
    const { batchSize } = options;
    if (batchSize !== undefined && !(Number.isInteger(batchSize) && batchSize >= 1 && batchSize <= 100_000)) {
      throw new CacheOptionError('batchSize is a whole number from 1 to 100000.', context);
    }
    if (this.#engine.pool.isTransaction) {
      throw new CacheOptionError('Maintenance has no place in a transaction.', context);
    }
    options.signal?.throwIfAborted();
    return this.#maintenance.cleanUp(options);
  }

  async invalidateTags(operation: 'invalidateTags' | 'expireTags', tags: readonly string[]): Promise<void> {
    this.#engine.assertOpen(operation);
    const distinct = validateTagList(tags, contextOf(operation));
    if (distinct.length === 0) return;
    const { order, statements, trailing } = this.#engine;
    await order.settleAll();
    const parameters = [JSON.stringify(distinct), String(operation === 'expireTags'), ...trailing];
    await this.#engine.writeRow(operation, statements.writes.logTags, parameters);
  }

  async ping(): Promise<number> {
    this.#engine.assertOpen('ping');
    const { runner, statements, prefix, options } = this.#engine;
    const startedAt = performance.now();
    await runner.callOne('ping', statements.reads.ping, [prefix], options.readTimeoutMs);
    return performance.now() - startedAt;
  }

  /** Carries out in the background what transactions logged, so that readers need not look it up for long. */
  applySoon(): void {
    if (this.#applyTimer !== undefined || this.#engine.isClosed) return;
    this.#applyTimer = setTimeout(() => {
      this.#applyTimer = undefined;
      this.#maintenance
        .applyRemovals()
        .then(() => this.#maintenance.finishClear())
        .catch(() => {});
    }, APPLY_AFTER_MS).unref();
  }

  close(): void {
    clearTimeout(this.#applyTimer);
  }

  async #clear(operation: CacheOperation, prefix: string | null, options: Interruptible): Promise<void> {
    this.#engine.assertOpen(operation);
    options.signal?.throwIfAborted();
    const { order, statements, trailing, pool } = this.#engine;
    await order.settleAll();
    await this.#engine.writeRow(operation, statements.writes.logClear, [prefix, ...trailing]);
    if (!pool.isTransaction) await this.#maintenance.finishClear(options);
  }

  #validatePrefix(prefix: string, context: CacheErrorContext): void {
    validateKeyPrefix(prefix, context);
    if (!this.#engine.options.keepsPlainKeys) {
      throw new CacheOptionError("Keys are not stored: plainKey is 'none'.", context);
    }
  }
}
