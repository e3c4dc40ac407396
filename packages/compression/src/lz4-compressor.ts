import type { Compressor } from './compressor.ts';

/** What is used of the package `lz4-napi`: `import * as lz4 from 'lz4-napi'`. */
export interface Lz4Library {
  compress(data: Buffer): Promise<Uint8Array>;
  compressSync(data: Buffer): Uint8Array;
  uncompress(data: Buffer): Promise<Uint8Array>;
  uncompressSync(data: Buffer): Uint8Array;
}

/** The size that the library writes before each block, and allocates when it reads one. */
const SIZE_BYTES = 4;

export function lz4Compressor(library: Lz4Library): Compressor {
  return {
    compress: (data) => library.compress(data),
    compressSync: (data) => library.compressSync(data),
    decompress: async (data, maxBytes) => library.uncompress(checked(data, maxBytes)),
    decompressSync: (data, maxBytes) => library.uncompressSync(checked(data, maxBytes)),
  };
}

function checked(data: Buffer, maxBytes: number): Buffer {
  if (data.length < SIZE_BYTES || data.readUInt32LE(0) > maxBytes) throw new Error('The block is longer than told.');
  return data;
}
