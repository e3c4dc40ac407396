import * as zlib from 'node:zlib';
import { type CompressionAlgorithm, compressed } from '@cache/compression';
import { jsonSerializer, type MixedSerializer } from '@cache/core';
import * as lz4 from 'lz4-napi';
import { publish, table } from '../memory/results.ts';
import { SampleValues } from '../servers/sample-values.ts';

/** How much smaller each algorithm makes JSON, what writing and reading costs, and how long the event loop is held up. */
const isQuick = process.argv.includes('--quick');
const ROUNDS = isQuick ? 3 : 9;
const CELL_MS = isQuick ? 20 : 60;
const SIZES = { '2 KB': 2_000, '20 KB': 20_000, '200 KB': 200_000 } as const;
const MAX_BYTES = 1_073_741_824;

interface Contestant {
  readonly name: string;
  /** Writes and reads at once, whatever the size. */
  readonly serializer: MixedSerializer;
  /** With the default of `asyncAboveBytes`. */
  readonly pooled?: MixedSerializer;
  /** What Node or the library does with the same text, without header, checksum and bounds. */
  readonly bare?: { readonly write: (text: string) => Uint8Array; readonly read: (bytes: Uint8Array) => Uint8Array };
}

const json = jsonSerializer();

function contestant(
  name: string,
  options: { algorithm: CompressionAlgorithm; level?: number },
  bare: Contestant['bare'],
): Contestant {
  return {
    name,
    serializer: compressed(json, { ...options, lz4, asyncAboveBytes: MAX_BYTES }),
    pooled: compressed(json, { ...options, lz4 }),
    ...(bare && { bare }),
  };
}

function brotli(quality: number): Contestant {
  const params = { [zlib.constants.BROTLI_PARAM_QUALITY]: quality };
  return contestant(
    `brotli ${quality}`,
    { algorithm: 'brotli', level: quality },
    {
      write: (text) => zlib.brotliCompressSync(text, { params }),
      read: (bytes) => zlib.brotliDecompressSync(bytes),
    },
  );
}

function gzip(level: number): Contestant {
  return contestant(
    `gzip ${level}`,
    { algorithm: 'gzip', level },
    {
      write: (text) => zlib.gzipSync(text, { level }),
      read: (bytes) => zlib.gunzipSync(bytes),
    },
  );
}

const plain: MixedSerializer = {
  ...json,
  format: 'mixed',
  formatBytes: [],
  deserialize: (payload) => json.deserialize(payload.toString()),
};

const CONTESTANTS: readonly Contestant[] = [
  { name: 'JSON alone', serializer: plain },
  contestant(
    'lz4',
    { algorithm: 'lz4' },
    {
      write: (text) => lz4.compressSync(text),
      read: (bytes) => lz4.uncompressSync(bytes),
    },
  ),
  gzip(1),
  gzip(6),
  contestant(
    'deflate-raw 6',
    { algorithm: 'deflate-raw', level: 6 },
    {
      write: (text) => zlib.deflateRawSync(text, { level: 6 }),
      read: (bytes) => zlib.inflateRawSync(bytes),
    },
  ),
  brotli(1),
  brotli(4),
  brotli(9),
  ...zstd(),
];

/** Where this Node has it. */
function zstd(): Contestant[] {
  const { zstdCompressSync, zstdDecompressSync } = zlib as unknown as Record<string, (data: Uint8Array) => Buffer>;
  if (zstdCompressSync === undefined || zstdDecompressSync === undefined) return [];
  const bare = { write: (text: string) => zstdCompressSync(Buffer.from(text)), read: zstdDecompressSync };
  return [contestant('zstd 3', { algorithm: 'zstd' }, bare)];
}

/** Microseconds a call, over about CELL_MS. */
function cost(call: () => unknown): number {
  let calls = 0;
  const startedAt = performance.now();
  let elapsedMs: number;
  do {
    call();
    calls += 1;
    elapsedMs = performance.now() - startedAt;
  } while (elapsedMs < CELL_MS);
  return (elapsedMs * 1_000) / calls;
}

/** Microseconds until a call gives its promise back. */
async function heldUp(call: () => unknown): Promise<number> {
  const startedAt = performance.now();
  const answer = call();
  const elapsedMs = performance.now() - startedAt;
  await answer;
  return elapsedMs * 1_000;
}

interface Cell {
  readonly name: string;
  readonly size: string;
  readonly storedBytes: number;
  readonly write: number[];
  readonly read: number[];
  /** JSON and the bare algorithm, both ways. */
  readonly bare: number[];
  readonly heldUpWriting: number[];
}

const cells: Cell[] = [];
for (const [size, bytes] of Object.entries(SIZES)) {
  const value = new SampleValues(bytes, 1).value(0, 1);
  const text = json.serialize(value);
  const own = CONTESTANTS.map(({ name, serializer }) => {
    const payload = serializer.serialize(value) as string | Uint8Array;
    const cell: Cell = {
      name,
      size,
      storedBytes: Buffer.byteLength(payload),
      write: [],
      read: [],
      bare: [],
      heldUpWriting: [],
    };
    cells.push(cell);
    return { cell, payload };
  });
  for (let round = 0; round <= ROUNDS; round += 1) {
    for (const [index, { serializer, pooled, bare }] of CONTESTANTS.entries()) {
      const { cell, payload } = own[index] as (typeof own)[number];
      const write = cost(() => serializer.serialize(value));
      const read = cost(() => serializer.deserialize(payload));
      const packed = bare?.write(text);
      const bareCost =
        bare === undefined || packed === undefined
          ? undefined
          : cost(() => bare.write(json.serialize(value))) +
            cost(() => json.deserialize(Buffer.from(bare.read(packed)).toString()));
      let held = 0;
      if (pooled !== undefined)
        for (let n = 0; n < 20; n += 1) held += (await heldUp(() => pooled.serialize(value))) / 20;
      // The first round warms up.
      if (round === 0) continue;
      cell.write.push(write);
      cell.read.push(read);
      if (bareCost !== undefined) cell.bare.push(bareCost);
      if (pooled !== undefined) cell.heldUpWriting.push(held);
    }
    process.stderr.write(`\r${size}: round ${round} of ${ROUNDS}`);
  }
}
process.stderr.write('\n');

/** The fastest: what else runs on a machine makes a call slower, never faster. */
const fastest = (figures: readonly number[]): number | undefined =>
  figures.length === 0 ? undefined : Math.min(...figures);
const figures = cells.map(({ name, size, storedBytes, write, read, bare, heldUpWriting }) => {
  const bareMicroseconds = fastest(bare);
  const writeMicroseconds = fastest(write) ?? 0;
  const readMicroseconds = fastest(read) ?? 0;
  return {
    name,
    size,
    storedBytes,
    timesSmaller: SIZES[size as keyof typeof SIZES] / storedBytes,
    writeMicroseconds,
    readMicroseconds,
    ownShare:
      bareMicroseconds === undefined ? undefined : (writeMicroseconds + readMicroseconds) / bareMicroseconds - 1,
    heldUpMicroseconds: fastest(heldUpWriting),
  };
});

const us = (figure: number | undefined): string =>
  figure === undefined ? '–' : `${figure.toFixed(figure < 10 ? 1 : 0)} µs`;
const percent = (share: number | undefined): string => (share === undefined ? '–' : `${(share * 100).toFixed(0)} %`);

publish(
  isQuick ? 'compression-quick' : 'compression',
  [
    '# Compression',
    'Run again with `npm run bench:compression` in `benchmarks`.',
    'JSON of records whose words repeat, as API answers do. Writing is JSON and compression, reading is decompression and JSON, both at once (`asyncAboveBytes` out of reach). *Own share*: how much longer both take than `JSON` and the bare function of Node or lz4-napi, that is, what header, checksum and bounds cost. *Held up*: how long a write keeps the event loop with the default of `asyncAboveBytes`, 32 KiB: at 200 KB it is JSON and the way to the thread pool. ' +
      `The fastest of ${ROUNDS} rounds in which all take turns.`,
    ...Object.keys(SIZES).flatMap((size) => [
      `## ${size}`,
      table(
        ['', 'times smaller', 'write', 'read', 'own share', 'held up'],
        figures
          .filter((figure) => figure.size === size)
          .map((figure) => [
            figure.name,
            figure.timesSmaller.toFixed(1),
            us(figure.writeMicroseconds),
            us(figure.readMicroseconds),
            percent(figure.ownShare),
            us(figure.heldUpMicroseconds),
          ]),
      ),
    ]),
  ],
  figures,
);
