/**
 * The frame around a stored value that carries more than itself: a header of 97 ASCII bytes, the tags as JSON in ASCII,
 * the payload. One key holds all of it, so that a native SET or UNLINK, by whatever program, ends value and lease
 * together, and a script reads the state with `GETRANGE 0 96` without touching the payload.
 *
 * | offset | bytes | |
 * |--:|--:|---|
 * | 0 | 1 | `\x01`, which no JSON text begins with |
 * | 1 | 16 | token of the lease, `-` throughout for none |
 * | 17 | 13 | end of the lease, server time in ms |
 * | 30 | 13 | fresh until, server time in ms |
 * | 43 | 13 | stale copy served until, server time in ms |
 * | 56 | 16 | stamp: the tags' sequence read before the load began, zeros for no tags |
 * | 72 | 1 | kind: `v` text, `b` bytes, `n` known to be absent, `-` nothing but a lease |
 * | 73 | 13 | stored at, server time in ms, zeros for unknown |
 * | 86 | 6 | duration of the load in ms, zeros for unknown |
 * | 92 | 5 | bytes of the tags |
 *
 * 9999999999999 as "fresh until" says that the key's own TTL decides. A plain value is JSON, or
 * bytes that begin with 0x80 or more.
 */
export interface Frame {
  readonly leasedUntilMs: number;
  readonly freshUntilMs: number;
  readonly staleUntilMs: number;
  readonly stamp: string;
  readonly kind: FrameKind;
  /** 0 for unknown. */
  readonly storedAtMs: number;
  /** 0 for unknown. */
  readonly loadDurationMs: number;
  /** The tags as they are stored, empty for none. */
  readonly tagsText: string;
}

/** A frame with what it is around. */
export interface FramedPayload extends Frame {
  readonly payload: string | Buffer;
}

export type FrameKind = 'v' | 'b' | 'n' | '-';

const HEADER_BYTES = 97;
export const NO_TOKEN = '----------------';
export const NO_STAMP = '0000000000000000';
export const NEVER_MS = 9_999_999_999_999;
const MAX_LOAD_DURATION_MS = 999_999;
const FRAME_MARK = 1;
const DIGIT_ZERO = 48;
const TAG_LENGTH_DIGITS = 5;
const NO_TAG_BLOCK = '0'.repeat(TAG_LENGTH_DIGITS);
const NO_TAGS: readonly string[] = Object.freeze([]);

/** A header: its mark, which is looked at before, and the fields. */
const HEADER_PATTERN = /^.[\w-]{16}\d{13}\d{13}\d{13}\d{16}[vbn-]\d{13}\d{6}\d{5}/;

/** The header of a value without tags whose end the key's own TTL decides: what lets bytes be stored by a plain SET. */
export const PLAIN_BYTES_HEADER: Buffer = Buffer.from(
  `\x01${NO_TOKEN}${'0'.repeat(13)}${NEVER_MS}${NEVER_MS}${NO_STAMP}b${'0'.repeat(13 + 6 + 5)}`,
  'latin1',
);

/** True if what was read is a frame, or begins like one. */
export function isFramed(stored: string | Buffer): boolean {
  return (typeof stored === 'string' ? stored.charCodeAt(0) : stored[0]) === FRAME_MARK;
}

/** Reads a frame; `undefined` if it is damaged. */
export function parseFrame(stored: string | Buffer): FramedPayload | undefined {
  const isText = typeof stored === 'string';
  const header = isText ? stored : stored.toString('latin1', 0, HEADER_BYTES);
  if (!isFramed(header) || !HEADER_PATTERN.test(header)) return undefined;
  const payloadAt = HEADER_BYTES + numberAt(header, 92, 97);
  if (stored.length < payloadAt) return undefined;
  const tagsText = isText ? stored.slice(HEADER_BYTES, payloadAt) : stored.toString('latin1', HEADER_BYTES, payloadAt);
  // Taken for none, tags that cannot be read would let the item outlive them.
  if (decodeTags(tagsText) === undefined) return undefined;
  return {
    leasedUntilMs: header.startsWith(NO_TOKEN, 1) ? 0 : numberAt(header, 17, 30),
    freshUntilMs: numberAt(header, 30, 43),
    staleUntilMs: numberAt(header, 43, 56),
    stamp: header.slice(56, 72),
    kind: header.slice(72, 73) as FrameKind,
    storedAtMs: numberAt(header, 73, 86),
    loadDurationMs: numberAt(header, 86, 92),
    tagsText,
    payload: isText ? stored.slice(payloadAt) : stored.subarray(payloadAt),
  };
}

/** The number whose digits these are; without a string of its own for each, since every hit comes by. */
function numberAt(header: string, start: number, end: number): number {
  let number = 0;
  for (let index = start; index < end; index += 1) number = number * 10 + header.charCodeAt(index) - DIGIT_ZERO;
  return number;
}

/** The tags as JSON in ASCII, so that their length is the same in bytes and in UTF-16 units; empty for none. */
export function encodeTags(tags: readonly string[]): string {
  if (tags.length === 0) return '';
  return JSON.stringify(tags).replace(
    /[\x7f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** The tags with their length before them, as they end a header. */
export function encodeTagBlock(tags: readonly string[]): string {
  if (tags.length === 0) return NO_TAG_BLOCK;
  const text = encodeTags(tags);
  return String(text.length).padStart(TAG_LENGTH_DIGITS, '0') + text;
}

/** The tags of a frame; `undefined` if they cannot be read. */
export function decodeTags(tagsText: string): readonly string[] | undefined {
  if (tagsText === '') return NO_TAGS;
  try {
    const tags: unknown = JSON.parse(tagsText);
    return Array.isArray(tags) && tags.every((tag) => typeof tag === 'string') ? tags : undefined;
  } catch {
    return undefined;
  }
}

/** The six digits of a load's duration: at least 1, since 0 says that it is unknown. */
export function encodeLoadDuration(durationMs: number | undefined): string {
  const rounded = durationMs === undefined ? 0 : Math.min(MAX_LOAD_DURATION_MS, Math.max(1, Math.round(durationMs)));
  return String(rounded).padStart(6, '0');
}
