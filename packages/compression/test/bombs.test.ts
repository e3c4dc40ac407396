import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as zlib from 'node:zlib';
import type { CompressionAlgorithm } from '@cache/compression';
import { startProgram } from '@cache/test-servers';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import * as lz4 from 'lz4-napi';
import { ALGORITHMS } from './algorithms.ts';

const BOMB_BYTES = 100_000_000;
const CODES = { gzip: 1, 'deflate-raw': 2, brotli: 3, zstd: 4, lz4: 5 } as const;

const zeros = Buffer.alloc(BOMB_BYTES);
/** What Node has from 22.15 on. */
interface Zstd {
  readonly zstdCompressSync: (data: Buffer, options: object) => Buffer;
  readonly constants: { readonly ZSTD_c_windowLog: number };
}
const zstd = zlib as unknown as Zstd;
const COMPRESS: Readonly<Record<CompressionAlgorithm, () => Buffer>> = {
  gzip: () => zlib.gzipSync(zeros),
  'deflate-raw': () => zlib.deflateRawSync(zeros),
  // The highest quality takes seconds, for the same.
  brotli: () =>
    zlib.brotliCompressSync(zeros, {
      params: { [zlib.constants.BROTLI_PARAM_LGWIN]: 24, [zlib.constants.BROTLI_PARAM_QUALITY]: 9 },
    }),
  // With a window of 128 MiB, which a decoder allocates before it writes anything.
  zstd: () => zstd.zstdCompressSync(zeros, { params: { [zstd.constants.ZSTD_c_windowLog]: 27 } }),
  lz4: () => lz4.compressSync(zeros),
};

/** A payload as this package writes it, but for what its header says. */
function payloadOf(algorithm: CompressionAlgorithm, declaredBytes: number, data: Buffer): Buffer {
  const head = Buffer.from([0xf3, CODES[algorithm] | 0x80, 0, 0, 0, 0]);
  head.writeUInt32LE(declaredBytes, 2);
  const checksum = Buffer.alloc(4);
  checksum.writeUInt32LE(zlib.crc32(data, zlib.crc32(head)));
  return Buffer.concat([head, checksum, data]);
}

let folder: string;
const bombs = new Map<CompressionAlgorithm, Buffer>();

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'cache-bombs-'));
  for (const algorithm of ALGORITHMS) bombs.set(algorithm, COMPRESS[algorithm]());
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

function fileOf(name: string, payload: Buffer): string {
  const path = join(folder, name);
  writeFileSync(path, payload);
  return path;
}

describe('row 63: a payload that would become 100 MB', () => {
  test('row 63: the brotli bomb has 152 bytes or fewer', () => {
    expect(bombs.get('brotli')?.length).toBeLessThanOrEqual(152);
  });

  test.each(ALGORITHMS)('row 63: of %s is refused with bounded memory, whatever its header says', async (algorithm) => {
    await using program = startProgram(new URL('./programs/open-bombs.ts', import.meta.url));
    const bomb = bombs.get(algorithm) ?? Buffer.alloc(0);
    const limits: Record<string, [declaredBytes: number, grownKibibytes: number]> = {
      honest: [BOMB_BYTES, 20_000],
      'says little': [1_000, 20_000],
      'says more than is done at once': [1_000_000, 20_000],
      'says 0': [0, 20_000],
      'says 4 GiB': [0xffffffff, 20_000],
      // Up to what is allowed it must be believed until it turns out to be more.
      'says the most allowed': [16_777_216, 60_000],
    };
    for (const [name, [declaredBytes, grownKibibytes]] of Object.entries(limits)) {
      const path = fileOf(`${algorithm}-${declaredBytes}`, payloadOf(algorithm, declaredBytes, bomb));
      const opened = (await program.ask(path)) as { answer: unknown; grownKibibytes: number };
      const isBounded = opened.grownKibibytes < grownKibibytes;
      expect({ name, answer: opened.answer, isBounded }).toEqual({
        name,
        answer: 'ERR_CACHE_CORRUPTION',
        isBounded: true,
      });
    }
  });

  test('row 63: without a limit fills the memory, or the tests above would show nothing', async () => {
    await using program = startProgram(new URL('./programs/open-bombs.ts', import.meta.url));
    const opened = await program.ask(`naive ${fileOf('naive', bombs.get('gzip') ?? Buffer.alloc(0))}`);
    expect(opened).toMatchObject({ answer: BOMB_BYTES });
    expect((opened as { grownKibibytes: number }).grownKibibytes).toBeGreaterThan(90_000);
  });

  test('row 63: a size that lz4 believes is not handed to it', async () => {
    await using program = startProgram(new URL('./programs/open-bombs.ts', import.meta.url));
    const inner = Buffer.from([0xff, 0xff, 0xff, 0xff, 0]);
    const path = fileOf('lz4-size', payloadOf('lz4', 1_000, inner));
    const opened = (await program.ask(path)) as { answer: unknown; grownKibibytes: number };
    expect(opened.answer).toBe('ERR_CACHE_CORRUPTION');
    expect(opened.grownKibibytes).toBeLessThan(20_000);
  });
});
