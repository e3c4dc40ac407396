import {
  type Awaitable,
  CacheCorruptionError,
  type CacheOperation,
  CacheValueError,
  hasErrorCode,
  jsonSerializer,
  redactedCause,
  type Serializer,
} from '@cache/core';
import { type FrameKind, PLAIN_BYTES_HEADER } from './frame.ts';
import type { ReplyFormat } from './reply-format.ts';

/** What plain values are where the serializer is binary: counters, and what other programs wrote. */
const PLAIN_JSON = jsonSerializer();

/** JSON text and frames begin below; the bytes of a serializer with format bytes begin with one of those. */
const LOWEST_FORMAT_BYTE = 0x80;

/** Turns values into what is stored, and back, with the serializer of the cache. */
export class ItemCodec {
  /** How what is stored must be read. */
  readonly format: ReplyFormat;
  readonly #serializer: Serializer;
  readonly #maxValueBytes: number;
  /** The serializer's bytes need no frame to be told from text. */
  readonly #isMarked: boolean;

  constructor(serializer: Serializer, maxValueBytes: number) {
    this.#serializer = serializer;
    this.#maxValueBytes = maxValueBytes;
    this.format = serializer.format === 'json' ? 'text' : 'bytes';
    const isBinary = serializer.format === 'binary';
    this.#isMarked = serializer.format === 'mixed' || (isBinary && serializer.formatByte !== undefined);
  }

  /**
   * The payload of a value.
   *
   * @throws CacheValueError for what the serializer refuses, and for too many bytes
   */
  encode(value: unknown, key: string, operation: CacheOperation): Awaitable<string | Buffer> {
    if (this.#serializer.format === 'json' || !Number.isSafeInteger(value))
      return this.#serialized(value, key, operation);
    // A number that can be counted is stored as one, so that `increment` finds it whatever the serializer is.
    const plain = Object.is(value, -0) ? '-0' : String(value);
    const isReadBack = this.#isReadBack(plain, value);
    if (typeof isReadBack === 'boolean') return isReadBack ? plain : this.#serialized(value, key, operation);
    const payload = isReadBack.then((isIt) => (isIt ? plain : this.#serialized(value, key, operation)));
    // A call that waits its turn looks at it later.
    payload.catch(() => {});
    return payload;
  }

  /** False where the text of a mixed serializer is not plain JSON, but JSON of its own. */
  #isReadBack(plain: string, value: unknown): Awaitable<boolean> {
    if (this.#serializer.format !== 'mixed') return true;
    try {
      const read = this.#serializer.deserialize(plain);
      if (!isPromise(read)) return Object.is(read, value);
      return Promise.resolve(read).then(
        (settled) => Object.is(settled, value),
        () => false,
      );
    } catch {
      return false;
    }
  }

  #serialized(value: unknown, key: string, operation: CacheOperation): Awaitable<string | Buffer> {
    let payload: Awaitable<string | Uint8Array>;
    try {
      payload = this.#serializer.serialize(value);
    } catch (error) {
      throw refused(error, key, operation);
    }
    // The usual case first: it is compared with nothing but its length.
    if (typeof payload === 'string' || !isPromise(payload)) return this.#checked(payload, key, operation);
    const checked = payload.then(
      (settled) => this.#checked(settled, key, operation),
      (error: unknown) => {
        throw refused(error, key, operation);
      },
    );
    // A call that waits its turn looks at it later.
    checked.catch(() => {});
    return checked;
  }

  /** The kind of a frame around a payload. */
  kindOf(payload: string | Buffer): FrameKind {
    return typeof payload === 'string' ? 'v' : 'b';
  }

  /** What a payload without tags is stored as by a native SET: as it is, if it can be told from a frame and from text. */
  plain(payload: string | Buffer): string | Buffer {
    if (typeof payload === 'string' || this.#tellsItself(payload)) return payload;
    return Buffer.concat([PLAIN_BYTES_HEADER, payload]);
  }

  /** The value of a plain item. Throws, or rejects, for what cannot be read. */
  decodePlain(stored: string | Buffer): Awaitable<unknown> {
    if (this.#serializer.format === 'json') return this.#serializer.deserialize(stored as string);
    if (typeof stored !== 'string' && this.#tellsItself(stored)) return this.#serializer.deserialize(stored);
    return (this.#serializer.format === 'mixed' ? this.#serializer : PLAIN_JSON).deserialize(textOf(stored));
  }

  /** The value in a frame. Throws, or rejects, for what cannot be read. */
  decodeFramed(payload: string | Buffer, kind: FrameKind): Awaitable<unknown> {
    if (kind !== 'b') return this.decodePlain(payload);
    if (this.#serializer.format === 'json' || typeof payload === 'string') {
      throw new CacheCorruptionError('Bytes are stored where this cache expects text: see mixedFormats.');
    }
    return this.#serializer.deserialize(payload);
  }

  #checked(given: string | Uint8Array, key: string, operation: CacheOperation): string | Buffer {
    if (!this.#isStorable(given)) {
      throw new CacheValueError('The serializer gives nothing that can be stored for this value.', {
        key,
        operation,
        backend: 'redis',
      });
    }
    const payload = typeof given === 'string' ? given : bytesOf(given);
    // No UTF-16 unit has more than three bytes, so short texts need not be measured.
    if (payload.length * 3 > this.#maxValueBytes && Buffer.byteLength(payload) > this.#maxValueBytes) {
      throw new CacheValueError(
        `The value has ${Buffer.byteLength(payload)} bytes; ${this.#maxValueBytes} are allowed (maxValueBytes).`,
        { key, operation, backend: 'redis', path: '$' },
      );
    }
    return payload;
  }

  /** True for what a serializer of this format may give. Somebody else's serializer may give anything. */
  #isStorable(payload: string | Uint8Array): boolean {
    const { format } = this.#serializer;
    if (typeof payload !== 'string') {
      if (!(payload instanceof Uint8Array)) return false;
      return format === 'mixed' ? this.#tellsItself(payload) : format === 'binary';
    }
    // Text that begins like a frame would be read as one; `null` and nothing at all are what "no value" reads like.
    return format !== 'binary' && payload !== '' && payload !== 'null' && payload.charCodeAt(0) !== 1;
  }

  #tellsItself(payload: Uint8Array): boolean {
    return this.#isMarked && (payload[0] ?? 0) >= LOWEST_FORMAT_BYTE;
  }
}

function isPromise<T>(payload: Awaitable<T>): payload is Promise<T> {
  return typeof (payload as { then?: unknown } | undefined)?.then === 'function';
}

function bytesOf(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function textOf(stored: string | Buffer): string {
  return typeof stored === 'string' ? stored : stored.toString('utf8');
}

/** What a serializer threw, with the key. The message of somebody else's serializer may quote the value. */
function refused(error: unknown, key: string, operation: CacheOperation): CacheValueError {
  const where = { key, operation, backend: 'redis' };
  if (hasErrorCode(error, 'ERR_CACHE_VALUE')) {
    const { path } = error;
    return new CacheValueError(error.message, path === undefined ? where : { ...where, path });
  }
  return new CacheValueError('The serializer could not write the value.', { ...where, cause: redactedCause(error) });
}
