/** How payloads are compressed. */
export type CompressionAlgorithm = 'gzip' | 'deflate-raw' | 'brotli' | 'zstd' | 'lz4';

/** An algorithm that this process can use. */
export interface Compressor {
  compress(data: Buffer): Promise<Uint8Array>;
  compressSync(data: Buffer): Uint8Array;
  /** Rejects for what is damaged or turns out longer than `maxBytes`, having used memory of that order. */
  decompress(data: Buffer, maxBytes: number): Promise<Uint8Array>;
  decompressSync(data: Buffer, maxBytes: number): Uint8Array;
}

/** Makes a compressor of a level; `undefined` for the algorithm's default. */
export type CompressorMaker = (level?: number) => Compressor;
