import type { CleanupOptions, Interruptible } from '@cache/core';
import { AdaptiveChunk } from './adaptive-chunk.ts';
import type { MaintenanceStatements } from './maintenance-statements.ts';
import { numberAt, textAt } from './row.ts';
import type { Statement } from './statement.ts';
import type { Parameters, Row, StatementRunner } from './statement-runner.ts';

/** For whom maintenance is done. */
export interface MaintenanceOptions {
  /** What goes before keys, in hexadecimal digits. */
  readonly prefix: string;
  readonly namespace: string;
  readonly timeoutMs: number;
}

/** How many log rows one step carries out. */
const REMOVALS_AT_ONCE = 500;

/** How many rows one step looks at for tags to certify. */
const ROWS_TO_CERTIFY = 2_000;

/** The greatest id there can be. */
const NO_LIMIT = '9223372036854775807';

/** Long work on the tables, in steps that each have the deadline, never wait for a row's lock, and can be interrupted. */
export class Maintenance {
  readonly #runner: StatementRunner;
  readonly #statements: MaintenanceStatements;
  readonly #options: MaintenanceOptions;

  constructor(runner: StatementRunner, statements: MaintenanceStatements, options: MaintenanceOptions) {
    this.#runner = runner;
    this.#statements = statements;
    this.#options = options;
  }

  /** Sweeps expired items, and trims the logs. Answers how many items went. */
  async cleanUp({ batchSize, onProgress, signal }: CleanupOptions = {}): Promise<number> {
    await this.applyRemovals(signal);
    await this.#deleteCleared(signal);
    const removed = await this.#deleteExpired(new AdaptiveChunk(batchSize), onProgress, signal);
    await this.#trimTags(signal);
    await this.#step(this.#statements.trimEvents, []);
    return removed;
  }

  /** Deletes what a clear that has been logged killed. What transactions hold is left, dead, to `cleanUp`. */
  async finishClear({ signal }: Interruptible = {}): Promise<void> {
    await this.#deleteCleared(signal);
  }

  /** Carries out what transactions removed; the rows that others hold are left for the next time. */
  async applyRemovals(signal?: AbortSignal): Promise<void> {
    for (;;) {
      signal?.throwIfAborted();
      const row = await this.#step(this.#statements.applyRemovals, [String(REMOVALS_AT_ONCE)]);
      const [applied = 0, left = 0] = [numberAt(row, 1), numberAt(row, 2)];
      if (applied === 0 || applied + left < REMOVALS_AT_ONCE) return;
    }
  }

  async #deleteExpired(
    chunk: AdaptiveChunk,
    onProgress: CleanupOptions['onProgress'],
    signal: AbortSignal | undefined,
  ): Promise<number> {
    const { isIndexed, lastId, deleteExpiredByIndex, deleteExpiredById } = this.#statements;
    const bounds = await this.#step(lastId, []);
    const hasIndex = textAt(await this.#step(isIndexed, []), 1) === 'true';
    const statement = hasIndex ? deleteExpiredByIndex : deleteExpiredById;
    const last = textAt(bounds, hasIndex ? 2 : 1) ?? '0';
    let position = hasIndex ? '-9223372036854775808' : '0';
    let removed = 0;
    for (;;) {
      const { size } = chunk;
      const parameters = [this.#options.namespace, position, last, String(size)];
      const [row, pauseMs] = await this.#timedStep(chunk, signal, statement, parameters);
      removed += numberAt(row, 1) ?? 0;
      if ((numberAt(row, 3) ?? 0) > 0) onProgress?.(removed);
      if ((numberAt(row, 4) ?? 0) < size) return removed;
      position = textAt(row, 2) ?? last;
      await pause(pauseMs);
    }
  }

  async #deleteCleared(signal: AbortSignal | undefined): Promise<void> {
    const { pendingClears, lastId, deleteCleared, forgetClears } = this.#statements;
    const clears = textAt(await this.#step(pendingClears, []), 1) ?? '[]';
    if (clears === '[]') return;
    const chunk = new AdaptiveChunk(undefined);
    const last = textAt(await this.#step(lastId, []), 1) ?? NO_LIMIT;
    let position = '0';
    let left = 0;
    for (;;) {
      const parameters = [this.#options.namespace, position, last, String(chunk.size)];
      const [row, pauseMs] = await this.#timedStep(chunk, signal, deleteCleared, parameters);
      left += numberAt(row, 2) ?? 0;
      const next = textAt(row, 1);
      if (next === undefined) break;
      position = next;
      await pause(pauseMs);
    }
    if (left === 0) await this.#step(forgetClears, [clears]);
  }

  /**
   * Makes the tag log shorter. First every live tagged item gets a snapshot above the new horizon; then the horizon is
   * raised and the log trimmed in one step. An item that was missed, and a fill that arrives later with an older
   * snapshot, is a miss for being below the horizon, never a stale hit.
   */
  async #trimTags(signal: AbortSignal | undefined): Promise<void> {
    const { nextTagHorizon, uncertified, certify, trimTags } = this.#statements;
    const horizon = textAt(await this.#step(nextTagHorizon, []), 1);
    if (horizon === undefined) return;
    const chunk = new AdaptiveChunk(undefined);
    for (let position = '0'; ; ) {
      const [row, pauseMs] = await this.#timedStep(chunk, signal, uncertified, [
        horizon,
        position,
        String(Math.min(chunk.size, ROWS_TO_CERTIFY)),
      ]);
      const items = textAt(row, 3) ?? '[]';
      if (items !== '[]') await this.#step(certify, [textAt(row, 2) ?? '', items]);
      const next = textAt(row, 1);
      if (next === undefined) break;
      position = next;
      await pause(pauseMs);
    }
    await this.#step(trimTags, [horizon]);
  }

  async #timedStep(
    chunk: AdaptiveChunk,
    signal: AbortSignal | undefined,
    statement: Statement,
    parameters: Parameters,
  ): Promise<[row: Row, pauseMs: number]> {
    signal?.throwIfAborted();
    const startedAt = performance.now();
    const row = await this.#step(statement, parameters);
    return [row, chunk.adapt(performance.now() - startedAt)];
  }

  #step(statement: Statement, parameters: Parameters): Promise<Row> {
    const { prefix, timeoutMs } = this.#options;
    return this.#runner.callOne(statement.name, statement, [prefix, ...parameters], timeoutMs);
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resume) => setTimeout(resume, ms));
}
