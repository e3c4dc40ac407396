/// <reference lib="esnext.disposable" preserve="true" />
import { mkdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import { CacheClosedError, CacheOptionError, jsonSerializer, type Serializer, validateKey } from '@cache/core';
import { DirectoryLock } from './directory-lock.ts';
import type { Journal } from './journal.ts';
import { journalError } from './journal-error.ts';
import { JournalFile } from './journal-file.ts';
import { type JournalRecord, NO_PAYLOAD, recordBytes } from './journal-frame.ts';
import { groupsOf, lastRecord, liveRecords, soundRecords, takeGroup } from './journal-records.ts';
import { decodeWrite, encodeWrite } from './journal-value.ts';
import type { QueuedWrite, WriteOperation } from './queued-write.ts';
import { nextWriteId } from './write-id.ts';

/** Where a journal is kept, and how safely. */
export interface FileJournalOptions {
  /** A directory of its own on a local disk; made if there is none. */
  readonly directory: string;
  /**
   * `'fsync'`: a write counts once the disk has it, and survives a power cut; writes that come while the disk works share
   * the next wait. `'buffered'`: it counts once the operating system has it, and survives `kill -9` only.
   * @default 'fsync'
   */
  readonly durability?: 'fsync' | 'buffered';
  /**
   * How values are written. The same for the whole life of a directory.
   * @default jsonSerializer()
   */
  readonly serializer?: Serializer;
  /**
   * What to do with a file that is damaged in its middle, which no crash of a process does: `'refuse'` to open it, or
   * `'salvage'` what is sound and keep a copy of the file.
   * @default 'refuse'
   */
  readonly onDamage?: 'refuse' | 'salvage';
  /**
   * Rewrite the file when it is longer than this and more than half of it is done.
   * @default 1,048,576
   */
  readonly compactAtBytes?: number;
  /**
   * How long to wait for the process that has the directory open to end.
   * @default 1,000
   */
  readonly lockTimeoutMs?: number;
}

interface Append {
  readonly record: JournalRecord;
  readonly settle: (error?: unknown) => void;
}

const DEFAULT_COMPACT_AT_BYTES = 2 ** 20;
const DEFAULT_LOCK_TIMEOUT_MS = 1_000;

/**
 * A journal in an append-only file that survives `kill -9` and, with `durability: 'fsync'`, a power cut. What is in it and not
 * acknowledged is replayed by the next process that opens it.
 *
 * Invariants:
 * - an append fulfils only after its whole frame is kept, and one that rejects leaves nothing behind;
 * - frames are in the order of the appends, and numbers grow for as long as the directory lives;
 * - of each key the newest write that is not acknowledged is always in the file that bears the journal's name.
 */
export class FileJournal<V = unknown> implements Journal<V> {
  readonly #lock: DirectoryLock;
  readonly #file: JournalFile;
  readonly #serializer: Serializer;
  readonly #compactAtBytes: number;
  readonly #live: Map<string, JournalRecord>;
  #replayed: readonly QueuedWrite<V>[] | undefined;
  #liveBytes = 0;
  #lastId: number;
  #nextCompactionAtBytes: number;
  #queue: Append[] = [];
  #serialized: Promise<unknown> = Promise.resolve();
  #isWriting = false;
  #writing: Promise<void> = Promise.resolve();
  #closing: Promise<void> | undefined;

  private constructor(parts: {
    readonly lock: DirectoryLock;
    readonly file: JournalFile;
    readonly serializer: Serializer;
    readonly compactAtBytes: number;
    readonly live: Map<string, JournalRecord>;
    readonly lastId: number;
    readonly replayed: readonly QueuedWrite<V>[];
  }) {
    this.#lock = parts.lock;
    this.#file = parts.file;
    this.#serializer = parts.serializer;
    this.#compactAtBytes = parts.compactAtBytes;
    this.#nextCompactionAtBytes = parts.compactAtBytes;
    this.#live = parts.live;
    this.#lastId = parts.lastId;
    this.#replayed = parts.replayed;
    for (const record of parts.live.values()) this.#liveBytes += recordBytes(record);
  }

  /**
   * Opens the directory's journal, waits its turn for it, and reads what is to be replayed. A frame that a crash left
   * unfinished at the end is dropped: nobody was told that it counts.
   *
   * @throws CacheOptionError if the directory cannot be used, CacheUnavailableError if another process has it open or the
   * disk fails, CacheCorruptionError if the file is damaged
   */
  static async open<V = unknown>(options: FileJournalOptions): Promise<FileJournal<V>> {
    const { serializer = jsonSerializer(), compactAtBytes = DEFAULT_COMPACT_AT_BYTES } = options;
    validateOptions(options);
    // The process may change its working directory later.
    const directory = resolve(options.directory);
    const lock = await attempt('open', async () => {
      await mkdir(directory, { recursive: true, mode: 0o700 });
      return DirectoryLock.take(directory, options.lockTimeoutMs ?? DEFAULT_LOCK_TIMEOUT_MS);
    });
    try {
      const bytes = await attempt('open', () => JournalFile.read(directory));
      const { damagedAt, records } = soundRecords(bytes, options.onDamage ?? 'refuse');
      if (damagedAt !== undefined) await attempt('open', () => JournalFile.setAside(directory));
      const { live, lastId } = liveRecords(records);
      const replayed = await Promise.all([...live.values()].map((record) => decodeWrite<V>(record, serializer)));
      replayed.sort((a, b) => a.id - b.id);
      const isSynced = options.durability !== 'buffered';
      // The numbers go on even if nothing is live.
      const groups = groupsOf([lastRecord(lastId), ...live.values()]);
      const file = await attempt('open', () => JournalFile.replace(directory, isSynced, groups));
      return new FileJournal<V>({ lock, file, serializer, compactAtBytes, live, lastId, replayed });
    } catch (error) {
      await lock.release();
      throw error;
    }
  }

  /** How long the file is. */
  get bytes(): number {
    return this.#file.bytes;
  }

  /** Keys with a write that is not acknowledged. */
  get size(): number {
    return this.#live.size;
  }

  /**
   * What the last process left.
   *
   * @throws CacheOptionError the second time: what has been done since would be done again, over newer writes
   */
  replay(): readonly QueuedWrite<V>[] {
    const writes = this.#replayed;
    if (writes === undefined) {
      const message = 'This journal belongs to a queue already: close it, and open it anew for another one.';
      throw new CacheOptionError(message, { operation: 'replay', backend: 'journal' });
    }
    this.#replayed = undefined;
    return writes;
  }

  async append(key: string, operation: WriteOperation<V>): Promise<number> {
    this.#refuseIfClosed('append');
    validateKey(key, { operation: 'append', backend: 'journal' });
    // A serializer may be asynchronous: the order is that of the calls all the same.
    const serialized = this.#serialized.then(() => encodeWrite(operation, this.#serializer));
    this.#serialized = serialized.catch(() => {});
    const { kind, payload } = await serialized;
    this.#refuseIfClosed('append');
    this.#lastId = nextWriteId(this.#lastId);
    const record: JournalRecord = { kind, key, id: this.#lastId, payload };
    await new Promise<void>((resolve, reject) => {
      this.#push({ record, settle: (error) => (error === undefined ? resolve() : reject(error)) });
    });
    return record.id;
  }

  /** @throws CacheClosedError: the file may be another process's by then */
  acknowledge(writes: readonly Pick<QueuedWrite<V>, 'key' | 'id'>[]): void {
    this.#refuseIfClosed('acknowledge');
    for (const { key, id } of writes) {
      const live = this.#live.get(key);
      if (live === undefined || live.id > id) continue;
      this.#live.delete(key);
      this.#liveBytes -= recordBytes(live);
      // A lost one is only done again.
      this.#push({ record: { kind: 'done', key, id, payload: NO_PAYLOAD }, settle: () => {} });
    }
  }

  /** Writes what is under way, closes the file and lets another process open it. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #push(append: Append): void {
    this.#queue.push(append);
    if (this.#isWriting) return;
    this.#isWriting = true;
    this.#writing = this.#write();
  }

  async #write(): Promise<void> {
    // What is appended in one turn of the event loop travels together, and what comes while the disk works waits for the next.
    await Promise.resolve();
    while (this.#queue.length > 0) {
      const group = takeGroup(this.#queue);
      const error = await attempt('append', () => this.#file.append(group.map(({ record }) => record))).then(
        () => undefined,
        (failure: unknown) => failure,
      );
      for (const { record, settle } of group) {
        if (error === undefined && record.kind !== 'done') this.#keep(record);
        settle(error);
      }
      await this.#compactIfWorthIt();
    }
    // In the same step as the last look at the queue: what is appended a moment later begins anew.
    this.#isWriting = false;
  }

  #keep(record: JournalRecord): void {
    const older = this.#live.get(record.key);
    if (older !== undefined) this.#liveBytes -= recordBytes(older);
    this.#live.set(record.key, record);
    this.#liveBytes += recordBytes(record);
  }

  async #compactIfWorthIt(): Promise<void> {
    if (this.#file.bytes < this.#nextCompactionAtBytes || this.#liveBytes * 2 > this.#file.bytes) return;
    try {
      await this.#file.replaceWith(groupsOf([lastRecord(this.#lastId), ...this.#live.values()]));
      this.#nextCompactionAtBytes = this.#compactAtBytes;
    } catch {
      // The old file is as good as before. On a full disk trying at every append would cost more than it saves.
      this.#nextCompactionAtBytes = this.#file.bytes * 2;
    }
  }

  async #close(): Promise<void> {
    await this.#serialized;
    while (this.#isWriting) await this.#writing;
    try {
      await attempt('close', () => this.#file.close());
    } finally {
      await this.#lock.release();
    }
  }

  #refuseIfClosed(operation: 'append' | 'acknowledge'): void {
    if (this.#closing === undefined) return;
    throw new CacheClosedError('The journal is closed.', { operation, backend: 'journal' });
  }
}

function validateOptions({ directory, durability, onDamage, ...options }: FileJournalOptions): void {
  const refuse = (message: string): never => {
    throw new CacheOptionError(message, { operation: 'open', backend: 'journal' });
  };
  if (typeof directory !== 'string' || directory === '' || directory.includes('\0')) {
    refuse("The journal's directory is a path.");
  }
  if (durability !== undefined && durability !== 'fsync' && durability !== 'buffered') {
    refuse("durability is 'fsync' or 'buffered'.");
  }
  if (onDamage !== undefined && onDamage !== 'refuse' && onDamage !== 'salvage') {
    refuse("onDamage is 'refuse' or 'salvage'.");
  }
  for (const name of ['compactAtBytes', 'lockTimeoutMs'] as const) {
    const value = options[name];
    if (value !== undefined && !(Number.isFinite(value) && value >= 0)) refuse(`${name} is a number of at least 0.`);
  }
}

/** Runs I/O; what fails is told without what the system's message quotes. */
async function attempt<T>(operation: 'open' | 'append' | 'close', run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (isOurs(error)) throw error;
    throw journalError(operation, error);
  }
}

function isOurs(error: unknown): boolean {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_CACHE_');
}
