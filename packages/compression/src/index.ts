export { compressed } from './compressed.ts';
export type { CompressionOptions } from './compression-options.ts';
export type { CompressionAlgorithm } from './compressor.ts';
export type { Lz4Library } from './lz4-compressor.ts';
