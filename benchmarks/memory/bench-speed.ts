import { parseArgs } from 'node:util';
import { CONTESTANTS } from './contestant.ts';
import { median, publish, table } from './results.ts';
import { runCell, showProgress } from './run-cell.ts';

const WORKLOADS = [
  'get hit',
  'get hit, built key',
  'get miss',
  'update',
  'insert + evict',
  'zipf read-through',
  'zipf, built keys',
];
const BASELINE = 'lru-cache';
const CELL_LIMIT_MS = 60_000;

const { values } = parseArgs({
  options: {
    capacities: { type: 'string', default: '1000,10000,100000' },
    rounds: { type: 'string', default: '5' },
    operations: { type: 'string', default: '200000' },
    contestants: { type: 'string', default: '' },
    workloads: { type: 'string', default: '' },
    quick: { type: 'boolean', default: false },
  },
});
const rounds = values.quick ? 3 : Number(values.rounds);
const capacities = values.quick ? [1000, 100_000] : values.capacities.split(',').map(Number);
const operations = values.quick ? 100_000 : Number(values.operations);
const wanted = values.quick ? ['@cache/memory', 'lru-cache', 'quick-lru', 'mnemonist'] : values.contestants.split(',');
const workloads = WORKLOADS.filter((workload) => values.workloads.split(',').some((part) => workload.includes(part)));
const contestants = CONTESTANTS.filter(({ name }) => name === BASELINE || wanted.some((part) => name.includes(part)));

interface Cell {
  readonly ns: number;
  readonly hitRatio: number;
}

const cells = new Map<string, (Cell | undefined)[]>();
const at = (name: string, capacity: number, workload: string): string => `${name} · ${capacity} · ${workload}`;
const jobs = capacities.flatMap((capacity) =>
  workloads.flatMap((workload) =>
    Array.from({ length: rounds }, (_, round) =>
      // Each round begins with another contestant, so that nobody always runs first.
      contestants.map((_, i) => contestants[(i + round) % contestants.length] as (typeof contestants)[number]),
    )
      .flat()
      .filter(({ evicts }) => evicts || workload.startsWith('get') || workload === 'update')
      .map(({ name }) => ({ name, capacity, workload })),
  ),
);
const timedOut = new Set<string>();
for (const [done, { name, capacity, workload }] of jobs.entries()) {
  const cell = at(name, capacity, workload);
  showProgress(done, jobs.length, cell);
  if (timedOut.has(cell)) continue;
  const result = (await runCell('speed-cell.ts', [name, `${capacity}`, workload, `${operations}`], CELL_LIMIT_MS)) as
    | Cell
    | undefined;
  if (result === undefined) timedOut.add(cell);
  cells.set(cell, [...(cells.get(cell) ?? []), result]);
}
showProgress(jobs.length, jobs.length, '');

function show(name: string, capacity: number, workload: string): string {
  const own = cells.get(at(name, capacity, workload));
  const base = cells.get(at(BASELINE, capacity, workload));
  if (own === undefined) return '–';
  const measured = own.filter((cell) => cell !== undefined);
  if (measured.length === 0) return 'failed';
  const ratios = own.flatMap((cell, round) => {
    const other = base?.[round];
    return cell === undefined || other === undefined ? [] : [other.ns / cell.ns];
  });
  const hits = workload.startsWith('zipf') ? ` · ${((measured[0] as Cell).hitRatio * 100).toFixed(1)} %` : '';
  return `${median(ratios).toFixed(2)} · ${median(measured.map(({ ns }) => ns)).toFixed(0)} ns${hits}`;
}

publish(
  values.quick ? 'memory-speed-partial' : 'memory-speed',
  [
    '# Speed in memory',
    'Run again with `npm run bench:memory:speed` in `benchmarks`.',
    `Each cell: times as fast as ${BASELINE} (median over ${rounds} rounds of the ratio within the round) · nanoseconds of processor time per call (the fastest of ten slices of ${operations} calls in a fresh process, its collector's threads included; median over the rounds)` +
      ' · hit ratio. Built keys are composed for the call, as applications mostly do; otherwise the same strings are used again and again, and V8 remembers their hash. The contestants take turns. Every item has a lifetime of its own of five minutes, where the library has such a thing.',
    ...capacities.flatMap((capacity) => [
      `## ${capacity} items`,
      table(
        ['', ...workloads],
        contestants.map(({ name, lacks }) => [
          lacks === undefined ? name : `${name} (${lacks})`,
          ...workloads.map((workload) => show(name, capacity, workload)),
        ]),
      ),
    ]),
  ],
  Object.fromEntries(cells),
);
