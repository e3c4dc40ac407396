import { promisify } from 'node:util';
import * as zlib from 'node:zlib';
import type { Compressor, CompressorMaker } from './compressor.ts';
import { type OutputLimit, outputLimit } from './zlib-compressors.ts';

/** What `node:zlib` has from Node 22.15 and 23.8 on. */
interface Zstd {
  readonly zstdCompress: (data: Buffer, options: CompressOptions, done: Done) => void;
  readonly zstdCompressSync: (data: Buffer, options: CompressOptions) => Buffer;
  readonly zstdDecompress: (data: Buffer, options: DecompressOptions, done: Done) => void;
  readonly zstdDecompressSync: (data: Buffer, options: DecompressOptions) => Buffer;
  readonly constants: { readonly ZSTD_c_compressionLevel: number; readonly ZSTD_d_windowLogMax: number };
}

interface CompressOptions {
  readonly params: Readonly<Record<number, number>>;
  readonly pledgedSrcSize: number;
}

interface DecompressOptions extends OutputLimit {
  readonly params: Readonly<Record<number, number>>;
}

type Done = (error: Error | null, result: Buffer) => void;

const DEFAULT_LEVEL = 3;
/** The smallest window that zstd knows, 1 KiB, as a power of two. */
const MIN_WINDOW_LOG = 10;

/** Zstandard, where this Node has it. */
export const zstdCompressor: CompressorMaker | undefined = 'zstdCompress' in zlib ? make : undefined;

function make(level: number = DEFAULT_LEVEL): Compressor {
  const { zstdCompress, zstdCompressSync, zstdDecompress, zstdDecompressSync, constants } = zlib as unknown as Zstd;
  const compress = promisify(zstdCompress);
  const decompress = promisify(zstdDecompress);
  // With its size known, what is written needs no window beyond it; without, the high levels ask for 128 MiB.
  const writing = (data: Buffer): CompressOptions => ({
    params: { [constants.ZSTD_c_compressionLevel]: level },
    pledgedSrcSize: data.length,
  });
  // The window is allocated as the payload asks for it, before there is any output to be limited.
  const reading = (maxBytes: number): DecompressOptions => ({
    ...outputLimit(maxBytes),
    params: { [constants.ZSTD_d_windowLogMax]: Math.max(MIN_WINDOW_LOG, Math.ceil(Math.log2(maxBytes))) },
  });
  return {
    compress: (data) => compress(data, writing(data)),
    compressSync: (data) => zstdCompressSync(data, writing(data)),
    decompress: (data, maxBytes) => decompress(data, reading(maxBytes)),
    decompressSync: (data, maxBytes) => zstdDecompressSync(data, reading(maxBytes)),
  };
}
