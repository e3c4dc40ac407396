import { copyFile, type FileHandle, open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { encodeFrame, encodeHeader, type JournalRecord, newMark } from './journal-frame.ts';

const NAME = 'journal';
const DRAFT_NAME = 'journal.draft';

/** Node reads no longer file back: what is kept beyond it would be lost to the next process. */
const MAX_FILE_BYTES = 2 ** 31 - 1;

/**
 * The file of a journal: appended to frame by frame, replaced as a whole, and never left with half of an append that failed.
 */
export class JournalFile {
  readonly #directory: string;
  readonly #isSynced: boolean;
  #handle: FileHandle;
  #mark: Buffer;
  #bytes: number;
  #isTorn = false;
  /** False until the directory knows the file's name for good. */
  #isAnchored = false;

  private constructor(directory: string, isSynced: boolean, handle: FileHandle, mark: Buffer, bytes: number) {
    this.#directory = directory;
    this.#isSynced = isSynced;
    this.#handle = handle;
    this.#mark = mark;
    this.#bytes = bytes;
  }

  /** What the file holds; empty if there is none. A draft that was never put in its place is removed. */
  static async read(directory: string): Promise<Buffer> {
    await rm(join(directory, DRAFT_NAME), { force: true });
    return readFile(join(directory, NAME)).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return Buffer.alloc(0);
      throw error;
    });
  }

  /** Keeps a copy of the file beside it, for whoever wants to know what else was in it. */
  static async setAside(directory: string): Promise<void> {
    await copyFile(join(directory, NAME), join(directory, `${NAME}.damaged-${Date.now()}`));
  }

  /** Makes the file hold these records, a frame for each group, and nothing else, in one step; and keeps it open. */
  static async replace(
    directory: string,
    isSynced: boolean,
    groups: readonly (readonly JournalRecord[])[],
  ): Promise<JournalFile> {
    const draft = join(directory, DRAFT_NAME);
    const handle = await open(draft, 'w', 0o600);
    try {
      const mark = newMark();
      const header = encodeHeader(mark);
      await writeAll(handle, header, 0);
      let bytes = header.length;
      for (const records of groups) {
        const frame = encodeFrame(records, mark);
        await writeAll(handle, frame, bytes);
        bytes += frame.length;
      }
      await handle.sync();
      await rename(draft, join(directory, NAME));
      return new JournalFile(directory, isSynced, handle, mark, bytes);
    } catch (error) {
      await handle.close().catch(() => {});
      await rm(draft, { force: true }).catch(() => {});
      throw error;
    }
  }

  /** How long it is. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Appends the records as one frame, and waits for the disk if it is to. What a failed append left behind is cut off.
   *
   * @throws an error with code `EFBIG` when the file would be too long to be read back
   */
  async append(records: readonly JournalRecord[]): Promise<void> {
    if (this.#isTorn) await this.#cutOff();
    if (!this.#isAnchored) {
      await syncDirectory(this.#directory);
      this.#isAnchored = true;
    }
    const frame = encodeFrame(records, this.#mark);
    if (this.#bytes + frame.length > MAX_FILE_BYTES) throw Object.assign(new Error('Too long.'), { code: 'EFBIG' });
    try {
      await writeAll(this.#handle, frame, this.#bytes);
      if (this.#isSynced) await this.#handle.datasync();
      this.#bytes += frame.length;
    } catch (error) {
      this.#isTorn = true;
      await this.#cutOff().catch(() => {
        // The next append tries again, and fails if it cannot.
      });
      throw error;
    }
  }

  /** As `JournalFile.replace`; the old file stays if that fails. */
  async replaceWith(groups: readonly (readonly JournalRecord[])[]): Promise<void> {
    const replacement = await JournalFile.replace(this.#directory, this.#isSynced, groups);
    const old = this.#handle;
    this.#handle = replacement.#handle;
    this.#mark = replacement.#mark;
    this.#bytes = replacement.#bytes;
    this.#isTorn = false;
    this.#isAnchored = false;
    await old.close().catch(() => {});
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }

  async #cutOff(): Promise<void> {
    await this.#handle.truncate(this.#bytes);
    if (this.#isSynced) await this.#handle.sync();
    this.#isTorn = false;
  }
}

/** A write may be short. */
async function writeAll(handle: FileHandle, bytes: Buffer, position: number): Promise<void> {
  for (let written = 0; written < bytes.length; ) {
    const { bytesWritten } = await handle.write(bytes, written, bytes.length - written, position + written);
    written += bytesWritten;
  }
}

/** A new name is durable only once its directory is. */
async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
