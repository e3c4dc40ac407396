import { CacheOptionError } from '@cache/core';
import type { CompressionAlgorithm, Compressor, CompressorMaker } from './compressor.ts';
import { type Lz4Library, lz4Compressor } from './lz4-compressor.ts';
import { brotliCompressor, deflateRawCompressor, gzipCompressor } from './zlib-compressors.ts';
import { zstdCompressor } from './zstd-compressor.ts';

/** How and when payloads are compressed. */
export interface CompressionOptions {
  /**
   * What is written. Whatever it is, payloads of every algorithm that this process has are read: zstd from Node 22.15 on,
   * lz4 where `lz4` is given.
   * @default 'gzip'
   */
  readonly algorithm?: CompressionAlgorithm;

  /**
   * Payloads of fewer bytes are stored as the serializer gives them: short JSON stays readable.
   * @default 1024
   */
  readonly thresholdBytes?: number;

  /**
   * How hard to try: 1 to 9 for gzip and deflate-raw, 0 to 11 for brotli, 1 to 22 for zstd; lz4 has no levels.
   * @default 6 for gzip and deflate-raw, 4 for brotli, 3 for zstd
   */
  readonly level?: number;

  /**
   * What would be longer once decompressed is refused, when it is written and when it is read: the memory that anybody
   * who can write to the store can make a reader use. At most 1 GiB.
   * @default 16,777,216 (16 MiB)
   */
  readonly maxDecompressedBytes?: number;

  /**
   * Payloads of more bytes before compression are compressed and decompressed in Node's thread pool, so that the event
   * loop is not held up; shorter ones at once, which costs less than handing them over.
   * @default 32,768 (32 KiB)
   */
  readonly asyncAboveBytes?: number;

  /**
   * The package `lz4-napi` as it is imported: what `algorithm: 'lz4'` needs, and what lz4 payloads are read with.
   * @default none
   */
  readonly lz4?: Lz4Library;
}

/** The options as they are used. */
export interface ResolvedCompression {
  readonly algorithm: CompressionAlgorithm;
  readonly compressor: Compressor;
  /** What can be read, by its code. */
  readonly readers: ReadonlyMap<number, Compressor>;
  readonly thresholdBytes: number;
  readonly maxDecompressedBytes: number;
  readonly asyncAboveBytes: number;
}

/** What each algorithm is called in what is stored: never to be changed, nor to be used for another. 0 is none. */
export const ALGORITHM_CODES: Readonly<Record<CompressionAlgorithm, number>> = {
  gzip: 1,
  'deflate-raw': 2,
  brotli: 3,
  zstd: 4,
  lz4: 5,
};

const LEVELS: Readonly<Record<CompressionAlgorithm, readonly [lowest: number, highest: number] | undefined>> = {
  gzip: [1, 9],
  'deflate-raw': [1, 9],
  brotli: [0, 11],
  zstd: [1, 22],
  lz4: undefined,
};

const MAX_BYTES = 1_073_741_824;

/** @throws CacheOptionError */
export function resolveCompression(options: CompressionOptions): ResolvedCompression {
  const { algorithm = 'gzip', level, lz4 } = options;
  if (!Object.hasOwn(ALGORITHM_CODES, algorithm)) {
    throw new CacheOptionError(`algorithm is one of ${Object.keys(ALGORITHM_CODES).join(', ')}.`);
  }
  validateLevel(algorithm, level);
  const makers = compressorMakers(lz4);
  const make = makers[algorithm];
  if (make === undefined) throw missing(algorithm);
  const readers = new Map<number, Compressor>();
  for (const [name, code] of Object.entries(ALGORITHM_CODES)) {
    const reader = makers[name as CompressionAlgorithm]?.();
    if (reader !== undefined) readers.set(code, reader);
  }
  return {
    algorithm,
    compressor: make(level),
    readers,
    thresholdBytes: bytesOf('thresholdBytes', options.thresholdBytes ?? 1024, 0),
    maxDecompressedBytes: bytesOf('maxDecompressedBytes', options.maxDecompressedBytes ?? 16_777_216, 1),
    asyncAboveBytes: bytesOf('asyncAboveBytes', options.asyncAboveBytes ?? 32_768, 0),
  };
}

function compressorMakers(
  lz4: Lz4Library | undefined,
): Readonly<Record<CompressionAlgorithm, CompressorMaker | undefined>> {
  if (lz4 !== undefined && (typeof lz4?.compressSync !== 'function' || typeof lz4.uncompressSync !== 'function')) {
    throw new CacheOptionError("lz4 is what import * as lz4 from 'lz4-napi' gives.");
  }
  return {
    gzip: gzipCompressor,
    'deflate-raw': deflateRawCompressor,
    brotli: brotliCompressor,
    zstd: zstdCompressor,
    lz4: lz4 === undefined ? undefined : () => lz4Compressor(lz4),
  };
}

function missing(algorithm: CompressionAlgorithm): CacheOptionError {
  return new CacheOptionError(
    algorithm === 'lz4'
      ? "lz4 needs a library: npm install lz4-napi, then compressed(serializer, { algorithm: 'lz4', lz4: await import('lz4-napi') })."
      : `This Node (${process.version}) has no ${algorithm}: it came with Node 22.15 and 23.8.`,
  );
}

function validateLevel(algorithm: CompressionAlgorithm, level: number | undefined): void {
  if (level === undefined) return;
  const levels = LEVELS[algorithm];
  if (levels === undefined) throw new CacheOptionError(`${algorithm} has no levels.`);
  const [lowest, highest] = levels;
  if (!Number.isInteger(level) || level < lowest || level > highest) {
    throw new CacheOptionError(`level is an integer from ${lowest} to ${highest} for ${algorithm}.`);
  }
}

function bytesOf(name: string, bytes: number, lowest: number): number {
  if (Number.isInteger(bytes) && bytes >= lowest && bytes <= MAX_BYTES) return bytes;
  throw new CacheOptionError(`${name} is an integer from ${lowest} to ${MAX_BYTES}.`);
}
