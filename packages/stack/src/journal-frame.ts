import { randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';

/** What a record says: a write with its value as text or as bytes, a removal, or that everything up to it is done. */
type JournalRecordKind = 'json' | 'binary' | 'remove' | 'done';

/** A line of the journal. */
export interface JournalRecord {
  readonly kind: JournalRecordKind;
  readonly key: string;
  readonly id: number;
  /** The serialised value; empty where there is none. */
  readonly payload: Uint8Array;
}

/** What a journal holds. */
export interface JournalScan {
  readonly records: readonly JournalRecord[];
  /** Where in the middle something is damaged, which no crash does: sound frames come after it. */
  readonly damagedAt: number | undefined;
}

/** Where there is no value. */
export const NO_PAYLOAD: Uint8Array = new Uint8Array(0);

/** What the file is, and the version of its format. */
const TITLE = Buffer.from('cache-journal/1\n');

/** The bytes that begin each frame, of each file's own: no value, whoever made it, looks like a frame to who searches for one. */
const MARK_BYTES = 8;
const HEADER_BYTES = TITLE.length + MARK_BYTES + 4;

const KINDS: readonly JournalRecordKind[] = ['json', 'binary', 'remove', 'done'];

const FRAME_HEAD_BYTES = MARK_BYTES + 8;
const RECORD_HEAD_BYTES = 15;

/** A mark for a new file. */
export function newMark(): Buffer {
  return randomBytes(MARK_BYTES);
}

/** The beginning of a file. */
export function encodeHeader(mark: Buffer): Buffer {
  return Buffer.concat([TITLE, mark, checksumOf(TITLE, mark)]);
}

/**
 * Records as one frame: mark, length, CRC-32 of length and content, content. What is written together is checked together:
 * of a frame that was not completely written nothing is believed.
 */
export function encodeFrame(records: readonly JournalRecord[], mark: Buffer): Buffer {
  const content = Buffer.concat(records.flatMap(encodeRecord));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(content.length);
  return Buffer.concat([mark, length, checksumOf(length, content), content]);
}

/** How many bytes the record takes in a frame. */
export function recordBytes({ key, payload }: JournalRecord): number {
  return RECORD_HEAD_BYTES + Buffer.byteLength(key) + payload.byteLength;
}

/** Reads what is sound from the beginning on. An unsound end is what a crash leaves; an unsound middle is damage. */
export function scanJournal(bytes: Buffer): JournalScan {
  if (bytes.length < HEADER_BYTES) {
    const isCut = TITLE.subarray(0, bytes.length).equals(bytes.subarray(0, TITLE.length));
    return { records: [], damagedAt: isCut ? undefined : 0 };
  }
  const mark = markOf(bytes);
  if (!encodeHeader(mark).equals(bytes.subarray(0, HEADER_BYTES))) return { records: [], damagedAt: 0 };
  const records: JournalRecord[] = [];
  let at = HEADER_BYTES;
  for (let end = frameEnd(bytes, at, mark); end !== undefined; end = frameEnd(bytes, at, mark)) {
    for (const record of decodeRecords(bytes.subarray(at + FRAME_HEAD_BYTES, end))) records.push(record);
    at = end;
  }
  return { records, damagedAt: nextFrame(bytes, at + 1, mark) === undefined ? undefined : at };
}

/** The records of every sound frame, wherever they stand. */
export function salvageJournal(bytes: Buffer): JournalRecord[] {
  const records: JournalRecord[] = [];
  const mark = markOf(bytes);
  for (let at = nextFrame(bytes, HEADER_BYTES, mark); at !== undefined; ) {
    const end = frameEnd(bytes, at, mark) ?? bytes.length;
    for (const record of decodeRecords(bytes.subarray(at + FRAME_HEAD_BYTES, end))) records.push(record);
    at = nextFrame(bytes, end, mark);
  }
  return records;
}

function markOf(bytes: Buffer): Buffer {
  return bytes.subarray(TITLE.length, TITLE.length + MARK_BYTES);
}

function checksumOf(first: Buffer, second: Buffer): Buffer {
  const checksum = Buffer.alloc(4);
  checksum.writeUInt32LE(crc32(second, crc32(first)));
  return checksum;
}

function encodeRecord({ kind, key, id, payload }: JournalRecord): [Buffer, Buffer, Uint8Array] {
  const keyBytes = Buffer.from(key);
  const head = Buffer.alloc(RECORD_HEAD_BYTES);
  head.writeUInt8(KINDS.indexOf(kind), 0);
  head.writeDoubleLE(id, 1);
  head.writeUInt16LE(keyBytes.length, 9);
  head.writeUInt32LE(payload.byteLength, 11);
  return [head, keyBytes, payload];
}

function* decodeRecords(content: Buffer): Generator<JournalRecord> {
  for (let at = 0; at < content.length; ) {
    const keyEnd = at + RECORD_HEAD_BYTES + content.readUInt16LE(at + 9);
    const end = keyEnd + content.readUInt32LE(at + 11);
    yield {
      kind: KINDS[content.readUInt8(at)] ?? 'done',
      key: content.toString('utf8', at + RECORD_HEAD_BYTES, keyEnd),
      id: content.readDoubleLE(at + 1),
      payload: content.subarray(keyEnd, end),
    };
    at = end;
  }
}

/** Where the frame that begins at `at` ends, if there is a sound one. */
function frameEnd(bytes: Buffer, at: number, mark: Buffer): number | undefined {
  const contentAt = at + FRAME_HEAD_BYTES;
  if (contentAt > bytes.length || !bytes.subarray(at, at + MARK_BYTES).equals(mark)) return undefined;
  const length = bytes.subarray(at + MARK_BYTES, at + MARK_BYTES + 4);
  const end = contentAt + length.readUInt32LE();
  if (end > bytes.length) return undefined;
  const checksum = checksumOf(length, bytes.subarray(contentAt, end));
  return checksum.equals(bytes.subarray(contentAt - 4, contentAt)) ? end : undefined;
}

function nextFrame(bytes: Buffer, from: number, mark: Buffer): number | undefined {
  if (mark.length < MARK_BYTES) return undefined;
  for (let at = bytes.indexOf(mark, from); at !== -1; at = bytes.indexOf(mark, at + 1)) {
    if (frameEnd(bytes, at, mark) !== undefined) return at;
  }
  return undefined;
}
