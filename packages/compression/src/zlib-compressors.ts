import { promisify } from 'node:util';
import * as zlib from 'node:zlib';
import type { Compressor } from './compressor.ts';

const gzip = promisify(zlib.gzip);
const gunzip = promisify(zlib.gunzip);
const deflateRaw = promisify(zlib.deflateRaw);
const inflateRaw = promisify(zlib.inflateRaw);
const brotliCompress = promisify(zlib.brotliCompress);
const brotliDecompress = promisify(zlib.brotliDecompress);

const DEFAULT_ZLIB_LEVEL = 6;
/** Node's own default, 11, is made for files that are compressed once: it is a hundred times slower. */
const DEFAULT_BROTLI_LEVEL = 4;

const MIN_CHUNK_BYTES = 64;
const MAX_CHUNK_BYTES = 65_536;

/** What zlib may use for an output of so many bytes. */
export interface OutputLimit {
  readonly maxOutputLength: number;
  readonly chunkSize: number;
}

export function outputLimit(maxBytes: number): OutputLimit {
  return { maxOutputLength: maxBytes, chunkSize: Math.min(Math.max(maxBytes, MIN_CHUNK_BYTES), MAX_CHUNK_BYTES) };
}

export function gzipCompressor(level: number = DEFAULT_ZLIB_LEVEL): Compressor {
  return {
    compress: (data) => gzip(data, { level }),
    compressSync: (data) => zlib.gzipSync(data, { level }),
    decompress: (data, maxBytes) => gunzip(data, outputLimit(maxBytes)),
    decompressSync: (data, maxBytes) => zlib.gunzipSync(data, outputLimit(maxBytes)),
  };
}

export function deflateRawCompressor(level: number = DEFAULT_ZLIB_LEVEL): Compressor {
  return {
    compress: (data) => deflateRaw(data, { level }),
    compressSync: (data) => zlib.deflateRawSync(data, { level }),
    decompress: (data, maxBytes) => inflateRaw(data, outputLimit(maxBytes)),
    decompressSync: (data, maxBytes) => zlib.inflateRawSync(data, outputLimit(maxBytes)),
  };
}

export function brotliCompressor(level: number = DEFAULT_BROTLI_LEVEL): Compressor {
  const { BROTLI_PARAM_QUALITY, BROTLI_PARAM_SIZE_HINT } = zlib.constants;
  const options = (data: Buffer): zlib.BrotliOptions => ({
    params: { [BROTLI_PARAM_QUALITY]: level, [BROTLI_PARAM_SIZE_HINT]: data.length },
  });
  return {
    compress: (data) => brotliCompress(data, options(data)),
    compressSync: (data) => zlib.brotliCompressSync(data, options(data)),
    decompress: (data, maxBytes) => brotliDecompress(data, outputLimit(maxBytes)),
    decompressSync: (data, maxBytes) => zlib.brotliDecompressSync(data, outputLimit(maxBytes)),
  };
}
