/** Serializers beside each other and beside the libraries under them: time to write, time to read, size. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual, parseArgs } from 'node:util';
import { median, publish, table } from '../memory/results.ts';
import { FIRST_VERSION, SampleValues } from '../servers/sample-values.ts';
import { type Contestant, ROSTER } from './contestants.ts';

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    quick: { type: 'boolean', default: false },
    contestant: { type: 'string' },
  },
});
const rounds = options.quick ? 3 : Number(options.rounds);
const BASELINE = 'JSON.stringify, JSON.parse';
const SAMPLES = 16;
const STRETCH_MS = 10;
const WARM_UP_STRETCHES = 12;
const MEASURED_STRETCHES = 15;

interface Cell {
  readonly writeNs: number;
  readonly readNs: number;
  readonly bytes: number;
  /** True if what came back was not what was given. */
  readonly isOther: boolean;
}
type Cells = Readonly<Partial<Record<string, Cell>>>;

const plainValues = (sizeBytes: number): readonly unknown[] => {
  const samples = new SampleValues(sizeBytes, SAMPLES);
  return Array.from({ length: SAMPLES }, (_, index) => samples.value(index, FIRST_VERSION));
};
const richValues = (): readonly unknown[] =>
  plainValues(2_000).map((value, index) => ({
    value,
    id: BigInt(index),
    createdAt: new Date(1_700_000_000_000 + index),
    views: new Map([1, 2, 3, 4].map((day) => [new Date(day * 86_400_000), { count: day, last: undefined }])),
    roles: new Set(['reader', 'writer']),
  }));
const WORKLOADS: Readonly<Record<string, () => readonly unknown[]>> = {
  '200 bytes of JSON': () => plainValues(200),
  '2,000 bytes': () => plainValues(2_000),
  '20,000 bytes': () => plainValues(20_000),
  '2,000 bytes with dates, a Map, a Set, a BigInt, undefined': richValues,
};

/** Nanoseconds a call, over all samples in turn: the fastest of some stretches, since others use the machine too. */
function timed(call: (index: number) => unknown, stretches: number): number {
  let fastest = Number.POSITIVE_INFINITY;
  for (let stretch = 0; stretch < stretches; stretch += 1) {
    let calls = 0;
    let elapsed = 0;
    const startedAt = performance.now();
    do {
      for (let index = 0; index < SAMPLES; index += 1) call(index);
      calls += SAMPLES;
      elapsed = performance.now() - startedAt;
    } while (elapsed < STRETCH_MS);
    fastest = Math.min(fastest, (elapsed * 1e6) / calls);
  }
  return fastest;
}

/** `undefined` for one that refuses the values, or cannot read what it wrote. */
function measure({ write, read }: Contestant, samples: readonly unknown[]): Cell | undefined {
  try {
    const payloads = samples.map((sample) => {
      const payload = write(sample);
      return typeof payload === 'string' ? payload : Buffer.from(payload);
    });
    const writeOne = (index: number): unknown => write(samples[index]);
    const readOne = (index: number): unknown => read(payloads[index] as never);
    timed(writeOne, WARM_UP_STRETCHES);
    timed(readOne, WARM_UP_STRETCHES);
    return {
      writeNs: timed(writeOne, MEASURED_STRETCHES),
      readNs: timed(readOne, MEASURED_STRETCHES),
      bytes: median(payloads.map((payload) => Buffer.byteLength(payload))),
      isOther: samples.some((sample, index) => !isDeepStrictEqual(readOne(index), sample)),
    };
  } catch {
    return undefined;
  }
}

if (options.contestant !== undefined) {
  const contestant = ROSTER.get(options.contestant);
  if (contestant === undefined) throw new Error(`There is no contestant ${options.contestant}.`);
  const cells = Object.entries(WORKLOADS).map(([name, make]) => [name, measure(contestant, make())]);
  console.log(JSON.stringify(Object.fromEntries(cells)));
  process.exit(0);
}

/** Each contestant in a process of its own, so that none profits or suffers from what the others made V8 optimise. */
function run(contestant: string): Cells {
  const program = [fileURLToPath(import.meta.url), '--contestant', contestant];
  const { stdout, stderr, status } = spawnSync(process.execPath, [...process.execArgv, ...program], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`${contestant} failed:\n${stderr}`);
  return JSON.parse(stdout) as Cells;
}

const figures = new Map<string, Cells[]>([...ROSTER.keys()].map((name) => [name, []]));
for (let round = 0; round < rounds; round += 1) {
  const names = [...ROSTER.keys()];
  for (let turn = 0; turn < names.length; turn += 1) {
    // Each round begins with another contestant, so that nobody always runs first.
    const name = names[(turn + round) % names.length] as string;
    if (process.stdout.isTTY) process.stdout.write(`\rround ${round + 1} of ${rounds}: ${name}            `);
    figures.get(name)?.push(run(name));
  }
}

function cellsOf(name: string, workload: string): readonly Cell[] {
  return (figures.get(name) ?? []).flatMap((cells) => cells[workload] ?? []);
}

function time(cells: readonly Cell[], base: readonly Cell[], of: 'writeNs' | 'readNs'): string {
  const microseconds = `${(median(cells.map((cell) => cell[of])) / 1000).toFixed(1)} µs`;
  if (base.length < cells.length) return microseconds;
  const ratios = cells.map((cell, round) => cell[of] / (base[round] as Cell)[of]);
  return `${microseconds} · ${median(ratios).toFixed(2)}`;
}

function row(name: string, workload: string): string[] {
  const cells = cellsOf(name, workload);
  const [first] = cells;
  if (first === undefined) return [name, 'fails', '–', '–'];
  const base = cellsOf(BASELINE, workload);
  const star = first.isOther ? ' *' : '';
  return [name + star, time(cells, base, 'writeNs'), time(cells, base, 'readNs'), first.bytes.toFixed(0)];
}

publish(
  'serializers',
  [
    '# Serializers',
    'Run again with `npm run bench:serializers` in `benchmarks`.',
    `Time per call and, where JSON can hold the values, how many times as long as ${BASELINE} takes (the fastest of ${MEASURED_STRETCHES} stretches of ${STRETCH_MS} ms; medians over ${rounds} rounds, each contestant in a process of its own, in turn; 16 values). Text is taken as a string, bytes as bytes: a client still has to encode text as UTF-8. A star: what came back was not what was given. Fails: the values are refused, or cannot be read back.`,
    ...Object.keys(WORKLOADS).flatMap((workload) => [
      `## ${workload}`,
      table(
        ['', 'write', 'read', 'bytes'],
        [...ROSTER.keys()].map((name) => row(name, workload)),
      ),
    ]),
  ],
  Object.fromEntries(figures),
);
