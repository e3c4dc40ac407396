import { CacheCorruptionError } from '@cache/core';
import {
  type JournalRecord,
  type JournalScan,
  NO_PAYLOAD,
  recordBytes,
  salvageJournal,
  scanJournal,
} from './journal-frame.ts';

/** What shares one frame and one wait for the disk, at most. */
const MAX_FRAME_BYTES = 2 ** 22;

/**
 * What a file holds, or what of it is sound.
 *
 * @throws CacheCorruptionError
 */
export function soundRecords(bytes: Buffer, onDamage: 'refuse' | 'salvage'): JournalScan {
  const scan = scanJournal(bytes);
  if (scan.damagedAt === undefined) return scan;
  if (onDamage === 'salvage') return { ...scan, records: salvageJournal(bytes) };
  throw new CacheCorruptionError(
    `The journal is damaged at byte ${scan.damagedAt}, or is none. Restore it, or open it with onDamage: 'salvage' to keep what is sound.`,
    { operation: 'open', backend: 'journal' },
  );
}

/** The newest write of each key that is not done, and the highest number of all. */
export function liveRecords(records: readonly JournalRecord[]): { live: Map<string, JournalRecord>; lastId: number } {
  const live = new Map<string, JournalRecord>();
  let lastId = 0;
  for (const record of records) {
    lastId = Math.max(lastId, record.id);
    if (record.kind !== 'done') live.set(record.key, record);
    else if ((live.get(record.key)?.id ?? Number.POSITIVE_INFINITY) <= record.id) live.delete(record.key);
  }
  return { live, lastId };
}

/** Keeps the highest number where nothing else does; no key is empty. */
export function lastRecord(id: number): JournalRecord {
  return { kind: 'done', key: '', id, payload: NO_PAYLOAD };
}

export function groupsOf(records: readonly JournalRecord[]): JournalRecord[][] {
  const queue = records.map((record) => ({ record }));
  const groups: JournalRecord[][] = [];
  while (queue.length > 0) groups.push(takeGroup(queue).map(({ record }) => record));
  return groups;
}

/** The first of them that fit one frame; one that is larger has a frame of its own. */
export function takeGroup<T extends { readonly record: JournalRecord }>(queue: T[]): T[] {
  let bytes = 0;
  let count = 0;
  for (const { record } of queue) {
    bytes += recordBytes(record);
    if (count > 0 && bytes > MAX_FRAME_BYTES) break;
    count += 1;
  }
  return queue.splice(0, count);
}
