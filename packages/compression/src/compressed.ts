import {
  type Awaitable,
  type BinarySerializer,
  CacheCorruptionError,
  CacheOptionError,
  CacheValueError,
  type JsonSerializer,
  jsonSerializer,
  type MixedSerializer,
  mixedFormats,
  type Serializer,
  validateSerializer,
} from '@cache/core';
import { COMPRESSED_FORMAT_BYTE, decodePayload, encodePayload, HEADER_BYTES } from './compressed-payload.ts';
import {
  ALGORITHM_CODES,
  type CompressionOptions,
  type ResolvedCompression,
  resolveCompression,
} from './compression-options.ts';

/** What was not compressed, behind a header. */
const NOT_COMPRESSED = 0;

/**
 * Compresses what a serializer writes, where that makes it smaller. It reads what the serializer wrote before too, unless
 * that is binary without a `formatByte`, and plain JSON, so compression can be put on a cache in use; to take it off
 * again, use `mixedFormats(serializer, compressed(serializer))` until the last compressed item has expired.
 *
 * ```ts
 * new RedisCache(client, { serializer: compressed(jsonSerializer(), { algorithm: 'brotli' }) });
 * ```
 *
 * @throws CacheOptionError for what is no serializer, an option that is none, an algorithm that this process lacks, and a
 * serializer that compresses already
 */
export function compressed(serializer: Serializer, options: CompressionOptions = {}): MixedSerializer {
  validateSerializer(serializer);
  return new CompressedSerializer(serializer, resolveCompression(options));
}

class CompressedSerializer implements MixedSerializer {
  readonly format = 'mixed';
  readonly formatBytes: readonly number[];
  readonly textReader: Pick<JsonSerializer, 'deserialize'> | null;
  readonly #inner: MixedSerializer;
  /** A serializer whose bytes do not say whose they are: they get a header even if they are not compressed. */
  readonly #unmarked: BinarySerializer | undefined;
  readonly #compression: ResolvedCompression;

  constructor(serializer: Serializer, compression: ResolvedCompression) {
    const isUnmarked = serializer.format === 'binary' && serializer.formatByte === undefined;
    this.#unmarked = isUnmarked ? serializer : undefined;
    this.#inner = mixedFormats(isUnmarked ? jsonSerializer() : serializer);
    this.#compression = compression;
    if (this.#inner.formatBytes.includes(COMPRESSED_FORMAT_BYTE)) {
      throw new CacheOptionError('The serializer compresses already. To read another algorithm, nothing is needed.');
    }
    this.formatBytes = [COMPRESSED_FORMAT_BYTE, ...this.#inner.formatBytes];
    this.textReader = isUnmarked ? null : (this.#inner.textReader ?? null);
  }

  serialize(value: unknown): Awaitable<string | Uint8Array> {
    const payload = (this.#unmarked ?? this.#inner).serialize(value);
    return isPromise(payload) ? payload.then((settled) => this.#compress(settled)) : this.#compress(payload);
  }

  deserialize(payload: string | Uint8Array): Awaitable<unknown> {
    if (typeof payload === 'string' || payload[0] !== COMPRESSED_FORMAT_BYTE) return this.#inner.deserialize(payload);
    const { algorithm, isText, declaredBytes, data } = decodePayload(bufferOf(payload));
    const { readers, maxDecompressedBytes, asyncAboveBytes } = this.#compression;
    if (declaredBytes > maxDecompressedBytes) {
      throw new CacheCorruptionError(
        `What is stored would have ${declaredBytes} bytes decompressed; ${maxDecompressedBytes} are allowed (maxDecompressedBytes).`,
      );
    }
    const finish = (bytes: Uint8Array): Awaitable<unknown> => this.#read(bufferOf(bytes), isText, declaredBytes);
    if (algorithm === NOT_COMPRESSED) return finish(data);
    const reader = readers.get(algorithm);
    if (reader === undefined) throw unknownAlgorithm(algorithm);
    // The header may lie, but what is longer than it says is stopped there.
    if (declaredBytes > asyncAboveBytes) return reader.decompress(data, declaredBytes).catch(damaged).then(finish);
    let bytes: Uint8Array;
    try {
      bytes = reader.decompressSync(data, declaredBytes);
    } catch {
      return damaged();
    }
    return finish(bytes);
  }

  #compress(payload: string | Uint8Array): Awaitable<string | Uint8Array> {
    const { compressor, thresholdBytes, maxDecompressedBytes, asyncAboveBytes } = this.#compression;
    // No UTF-16 unit has more than three bytes, so short texts need not be encoded.
    if (typeof payload === 'string' && payload.length * 3 < thresholdBytes) return payload;
    const data = typeof payload === 'string' ? Buffer.from(payload) : bufferOf(payload);
    if (data.length > maxDecompressedBytes) {
      throw new CacheValueError(
        `The value has ${data.length} bytes; ${maxDecompressedBytes} are allowed (maxDecompressedBytes).`,
        { path: '$' },
      );
    }
    if (data.length < thresholdBytes || data.length <= HEADER_BYTES) return this.#uncompressed(payload);
    if (data.length <= asyncAboveBytes) return this.#smaller(payload, data, compressor.compressSync(data));
    return compressor.compress(data).then((bytes) => this.#smaller(payload, data, bytes));
  }

  /** The smaller of the two. */
  #smaller(payload: string | Uint8Array, data: Buffer, bytes: Uint8Array): string | Uint8Array {
    if (HEADER_BYTES + bytes.length >= data.length) return this.#uncompressed(payload);
    return encodePayload({
      algorithm: ALGORITHM_CODES[this.#compression.algorithm],
      isText: typeof payload === 'string',
      declaredBytes: data.length,
      data: bufferOf(bytes),
    });
  }

  #uncompressed(payload: string | Uint8Array): string | Uint8Array {
    if (this.#unmarked === undefined || typeof payload === 'string') return payload;
    const data = bufferOf(payload);
    return encodePayload({ algorithm: NOT_COMPRESSED, isText: false, declaredBytes: data.length, data });
  }

  #read(bytes: Buffer, isText: boolean, declaredBytes: number): Awaitable<unknown> {
    if (bytes.length !== declaredBytes) return damaged();
    if (isText) return this.#inner.deserialize(bytes.toString('utf8'));
    return (this.#unmarked ?? this.#inner).deserialize(bytes);
  }
}

function damaged(): never {
  throw new CacheCorruptionError('What is stored compressed cannot be decompressed.');
}

function unknownAlgorithm(code: number): CacheCorruptionError {
  const name = Object.entries(ALGORITHM_CODES).find(([, known]) => known === code)?.[0];
  const what = name === undefined ? 'in a way that this version does not know' : `with ${name}, which is missing here`;
  return new CacheCorruptionError(`What is stored is compressed ${what}.`);
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function isPromise<T>(value: Awaitable<T>): value is Promise<T> {
  return typeof (value as { then?: unknown }).then === 'function';
}
