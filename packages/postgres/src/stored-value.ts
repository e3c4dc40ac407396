import {
  type Awaitable,
  CacheCorruptionError,
  type CacheErrorContext,
  CacheValueError,
  hasErrorCode,
  type Serializer,
} from '@cache/core';

/** A value as it goes into a statement: an element of `set` lacks only its key. */
export interface EncodedValue {
  /** Valid JSON that JSONB holds exactly, or `null`. */
  readonly json: string | null;
  /** What JSONB cannot hold, or a binary serializer's bytes, as hexadecimal digits. */
  readonly hex: string | null;
  /** JSON of a serializer that is not ours, yet to be checked by PostgreSQL. */
  readonly unchecked: string | null;
  /** The size of the payload. */
  readonly bytes: number;
}

/** Escapes of U+0000 and of surrogates, and a number -0: JSONB refuses the former and makes 0 of the latter. */
const NOT_FOR_JSONB = /\\u(?:0000|[dD][89a-fA-F])|(?:^|[[,:\s])-0(?:\.0*)?(?:[eE][+-]?\d+)?(?=$|[\],}\s])/;

/** Turns values into what the table holds, and back. */
export class ValueCodec {
  readonly #serializer: Serializer;
  readonly #isChecked: boolean;
  readonly #maxValueBytes: number;

  /** @param isChecked the serializer is core's own, so that what it writes is JSON */
  constructor(serializer: Serializer, isChecked: boolean, maxValueBytes: number) {
    this.#serializer = serializer;
    this.#isChecked = isChecked;
    this.#maxValueBytes = maxValueBytes;
  }

  /**
   * A value as it is stored.
   *
   * @throws CacheValueError
   */
  encode(value: unknown, key: string, context: CacheErrorContext): Awaitable<EncodedValue> {
    const isCounter = Number.isSafeInteger(value) && !Object.is(value, -0);
    if (this.#serializer.format === 'json' || !isCounter) return this.#serialized(value, key, context);
    // Counters are JSON whatever the serializer, so that they can be counted on in SQL.
    const json = String(value);
    const plain = { json, hex: null, unchecked: null, bytes: json.length };
    const isReadBack = this.#isReadBack(json, value);
    if (typeof isReadBack === 'boolean') return isReadBack ? plain : this.#serialized(value, key, context);
    const encoded = isReadBack.then((isIt) => (isIt ? plain : this.#serialized(value, key, context)));
    // A call that waits its turn looks at it later.
    encoded.catch(() => {});
    return encoded;
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

  #serialized(value: unknown, key: string, context: CacheErrorContext): Awaitable<EncodedValue> {
    let payload: Awaitable<string | Uint8Array>;
    try {
      payload = this.#serializer.serialize(value);
    } catch (error) {
      throw refusal(error, key, context);
    }
    if (isPromise(payload)) {
      const encoded = Promise.resolve(payload).then(
        (settled) => this.#encoded(settled, key, context),
        (error: unknown) => {
          throw refusal(error, key, context);
        },
      );
      // A call that waits its turn looks at it later.
      encoded.catch(() => {});
      return encoded;
    }
    return this.#encoded(payload, key, context);
  }

  /**
   * What is stored as a value.
   *
   * @throws CacheCorruptionError, also as a rejection
   */
  decode(value: Buffer | null, payload: Buffer | null): Awaitable<unknown> {
    const decoded = value === null ? this.#decodePayload(payload) : this.#decodeJson(value);
    if (isPromise(decoded)) {
      // It may be somebody else's kind of promise.
      return Promise.resolve(decoded).then(notNull, (error: unknown) => {
        throw corruption(error);
      });
    }
    return notNull(decoded);
  }

  #encoded(payload: string | Uint8Array, key: string, context: CacheErrorContext): EncodedValue {
    if (!this.#isStorable(payload)) {
      throw new CacheValueError('The serializer gives nothing that can be stored for this value.', {
        ...context,
        key,
      });
    }
    const bytes = typeof payload === 'string' ? Buffer.byteLength(payload) : payload.byteLength;
    if (bytes > this.#maxValueBytes) {
      throw new CacheValueError(`The value takes more than ${this.#maxValueBytes} bytes: see maxValueBytes.`, {
        ...context,
        key,
        path: '$',
      });
    }
    if (typeof payload !== 'string') return { json: null, hex: hexOf(payload), unchecked: null, bytes };
    // Looking for a backslash and for -0 first is many times faster than the expression.
    if ((payload.includes('\\u') || payload.includes('-0')) && NOT_FOR_JSONB.test(payload)) {
      return { json: null, hex: Buffer.from(payload, 'utf8').toString('hex'), unchecked: null, bytes };
    }
    return this.#isChecked
      ? { json: payload, hex: null, unchecked: null, bytes }
      : { json: null, hex: null, unchecked: payload, bytes };
  }

  /** True for what a serializer of this format may give. Somebody else's serializer may give anything. */
  #isStorable(payload: string | Uint8Array): boolean {
    const { format } = this.#serializer;
    if (typeof payload === 'string') return format !== 'binary';
    return payload instanceof Uint8Array && (format === 'binary' || (format === 'mixed' && !isText(payload)));
  }

  #decodeJson(value: Buffer): Awaitable<unknown> {
    const text = value.toString('utf8');
    try {
      // A binary serializer's cache meets JSON where it counts, and where other programs wrote.
      return this.#isChecked || this.#serializer.format === 'binary'
        ? JSON.parse(text)
        : this.#serializer.deserialize(text);
    } catch (error) {
      throw corruption(error);
    }
  }

  #decodePayload(payload: Buffer | null): Awaitable<unknown> {
    if (payload === null) return null;
    const bytes = Buffer.from(payload.toString('latin1'), 'hex');
    try {
      return this.#serializer.format === 'json' || (this.#serializer.format === 'mixed' && isText(bytes))
        ? this.#serializer.deserialize(bytes.toString('utf8'))
        : this.#serializer.deserialize(bytes);
    } catch (error) {
      throw corruption(error);
    }
  }
}

/** True for JSON that JSONB could not hold: a mixed serializer's bytes begin above. */
function isText(payload: Uint8Array): boolean {
  return payload[0] === undefined || payload[0] < 0x80;
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}

function refusal(error: unknown, key: string, context: CacheErrorContext): CacheValueError {
  if (hasErrorCode(error, 'ERR_CACHE_VALUE')) {
    return new CacheValueError(error.message, {
      ...context,
      key,
      ...(error.path === undefined ? undefined : { path: error.path }),
    });
  }
  return new CacheValueError('The serializer threw.', { ...context, key, path: '$' });
}

function corruption(error: unknown): CacheCorruptionError {
  const message = hasErrorCode(error, 'ERR_CACHE_CORRUPTION') ? error.message : 'What is stored cannot be read.';
  return new CacheCorruptionError(message, { backend: 'postgres' });
}

function notNull(value: unknown): unknown {
  if (value === null || value === undefined) {
    throw new CacheCorruptionError('What is stored is null, which is no value.', { backend: 'postgres' });
  }
  return value;
}

function isPromise<T>(value: Awaitable<T>): value is Promise<T> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function';
}
