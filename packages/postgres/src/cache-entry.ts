import type { CacheEntry } from '@cache/core';
import { numberAt, textAt, textsAt } from './row.ts';
import type { Row } from './statement-runner.ts';

/** The columns of `entryColumns`, the first of them being that of the number. */
const COLUMN = { state: 2, value: 3, payload: 4, absent: 5, age: 6, remaining: 7, staleFor: 8, loadMs: 9, tags: 10 };

/** What `get` of the codec takes. */
export function contentOf(row: Row): readonly [value: Buffer | null, payload: Buffer | null] {
  return [row[COLUMN.value] ?? null, row[COLUMN.payload] ?? null];
}

/** What the serializer gave for it, in bytes: JSON is stored as its text, other payloads as hexadecimal digits of theirs. */
export function payloadBytes(value: Buffer | null, payload: Buffer | null): number {
  return value === null ? (payload?.length ?? 0) >> 1 : value.length;
}

/** True if the row shows a value that has to be decoded. */
export function showsValue(row: Row, longestStaleInSeconds: number | undefined): boolean {
  const state = textAt(row, COLUMN.state);
  if (state === 'known') return textAt(row, COLUMN.absent) === undefined;
  return (
    state === 'stale' && (numberAt(row, COLUMN.staleFor) ?? 0) <= (longestStaleInSeconds ?? Number.POSITIVE_INFINITY)
  );
}

/** The entry that a row stands for, with `value` in it where it {@link showsValue}. */
export function entryOf(row: Row, namespace: string, value: unknown, isShown: boolean): CacheEntry<unknown> {
  const state = textAt(row, COLUMN.state);
  const tags = textsAt(row, COLUMN.tags).map((tag) => tag.slice(namespace.length + 1));
  const remainingInSeconds = numberAt(row, COLUMN.remaining) ?? null;
  if (state === 'known' && !isShown && textAt(row, COLUMN.absent) !== undefined) {
    return { state: 'absent', remainingInSeconds, tags };
  }
  if (!isShown) return { state: 'missing' };
  if (state === 'stale') return { state: 'stale', value, tags };
  return {
    state: 'fresh',
    value,
    ageInSeconds: Math.max(0, numberAt(row, COLUMN.age) ?? 0),
    remainingInSeconds,
    loadDurationMs: numberAt(row, COLUMN.loadMs),
    tags,
  };
}
