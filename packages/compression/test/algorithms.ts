import * as zlib from 'node:zlib';
import type { CompressionAlgorithm, CompressionOptions } from '@cache/compression';
import * as lz4 from 'lz4-napi';

/** True where `node:zlib` has zstd. */
export const HAS_ZSTD = 'zstdCompress' in zlib;

const OF_EVERY_NODE: readonly CompressionAlgorithm[] = ['gzip', 'deflate-raw', 'brotli', 'lz4'];

/** Every algorithm that this Node has. */
export const ALGORITHMS: readonly CompressionAlgorithm[] = HAS_ZSTD ? [...OF_EVERY_NODE, 'zstd'] : OF_EVERY_NODE;

/** The options for an algorithm. */
export function optionsFor(algorithm: CompressionAlgorithm): CompressionOptions {
  return { algorithm, lz4 };
}
