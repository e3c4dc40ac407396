/** What watching costs: a get from Redis, from memory and from the first level of a stack, with each exporter and without. */
import { parseArgs } from 'node:util';
import { startRedis } from '@cache/test-servers';
import { publish, table } from '../memory/results.ts';
import { runCell, showProgress } from '../memory/run-cell.ts';
import { cpuRatioOf, type Spread, spreadOf } from '../servers/comparison.ts';
import { Progress } from '../servers/progress.ts';
import { runTournament, type WorkloadResult } from '../servers/tournament.ts';
import type { Slice } from '../servers/workload.ts';
import { hookSetups, NO_HOOKS } from './hook-roster.ts';
import { contestants } from './redis-contestants.ts';

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    concurrency: { type: 'string', default: '1,16,64' },
  },
});
const concurrencies = values.concurrency.split(',').map(Number);
/** Fresh processes each time: one may be compiled a little better than the other for as long as it lives. */
const TOURNAMENTS = values.quick ? 1 : 4;
const ROUNDS = values.quick ? 5 : 15;
const SLICE_MS = 40;
const SIZE_BYTES = 200;
const CELL_ROUNDS = values.quick ? 1 : 5;
const CELL_LIMIT_MS = 60_000;
const CELLS = {
  memory: '../observability/memory-get-cell.ts',
  stack: '../observability/stack-get-cell.ts',
} as const;

const slicesOf = new Map<number, Map<string, Slice[]>>();
const progress = new Progress();
await using server = await startRedis();
for (let tournament = 0; tournament < TOURNAMENTS; tournament += 1) {
  const { workloads, disqualified } = await runTournament(
    {
      roster: new URL('./redis-contestants.ts', import.meta.url),
      contestants,
      placeOf: (_, index) => ({ url: server.url, namespace: `observability_${index}` }),
      operations: ['get'],
      sizesInBytes: [SIZE_BYTES],
      concurrencies,
      rounds: ROUNDS,
      sliceMs: SLICE_MS,
    },
    progress,
  );
  if (disqualified.size > 0) throw new Error(JSON.stringify([...disqualified]));
  for (const { workload, slices } of workloads) {
    const known = slicesOf.get(workload.concurrency) ?? new Map<string, Slice[]>();
    slicesOf.set(workload.concurrency, known);
    for (const [name, own] of slices) known.set(name, [...(known.get(name) ?? []), ...own]);
  }
}

const nanoseconds = new Map<string, Record<keyof typeof CELLS, number[]>>(
  hookSetups.map(({ name }) => [name, { memory: [], stack: [] }]),
);
for (let round = 0; round < CELL_ROUNDS; round += 1) {
  for (const [index, [name, figures]] of [...nanoseconds].entries()) {
    showProgress(round * hookSetups.length + index, CELL_ROUNDS * hookSetups.length, `in this process: ${name}`);
    for (const cell of ['memory', 'stack'] as const) {
      const figure = await runCell(CELLS[cell], [name], CELL_LIMIT_MS);
      if (typeof figure !== 'number') throw new Error(`The ${cell} cell for "${name}" failed.`);
      figures[cell].push(figure);
    }
  }
}
showProgress(1, 1, '');

function resultOf(concurrency: number): WorkloadResult {
  const slices = slicesOf.get(concurrency) ?? new Map<string, Slice[]>();
  return { workload: { operation: 'get', sizeBytes: SIZE_BYTES, concurrency }, slices };
}

/** By how much a call takes longer than without hooks, in percent, round by round. */
function overheadOf(name: string, concurrency: number): Spread {
  const { slices } = resultOf(concurrency);
  const bare = slices.get(NO_HOOKS) ?? [];
  const own = slices.get(name) ?? [];
  return spreadOf(
    own.map(({ calls, elapsedMs }, round) => {
      const { calls: bareCalls, elapsedMs: bareMs } = bare[round] as Slice;
      return (elapsedMs / calls / (bareMs / bareCalls) - 1) * 100;
    }),
  );
}

function percent(figure: number): string {
  return `${figure > 0 ? '+' : ''}${figure.toFixed(1)}`;
}

function redisCell(name: string, concurrency: number): string {
  const { low, median: middle, high } = overheadOf(name, concurrency);
  const cpu = cpuRatioOf(resultOf(concurrency), name, NO_HOOKS);
  const cpuOverhead = cpu === undefined ? '' : ` · ${percent((1 / cpu.median - 1) * 100)}`;
  return `${percent(middle)} % (${percent(low)} … ${percent(high)})${cpuOverhead} %`;
}

const leastOf = (cell: keyof typeof CELLS, name: string): number => Math.min(...(nanoseconds.get(name)?.[cell] ?? []));

/** The nanoseconds of a call, and how many of them are for the hooks. */
function nanosecondCells(cell: keyof typeof CELLS, name: string): string[] {
  const least = leastOf(cell, name);
  return [least.toFixed(0), `${(least - leastOf(cell, NO_HOOKS)).toFixed(0)} ns`];
}

publish(
  values.quick ? 'observability-partial' : 'observability',
  [
    '# What watching a cache costs',
    'Run again with `npm run bench:observability` in `benchmarks`.',
    `A get of ${SIZE_BYTES} bytes from a Redis on the same machine, ×N calls under way. Each cell: by how much a call takes longer than without hooks (median of ${TOURNAMENTS * ROUNDS} rounds, in brackets the middle half) · by how much more processor time of the client. Each way of watching has a process of its own, fresh ones for every ${ROUNDS} rounds; they take turns in slices of ${SLICE_MS} ms, and a ratio is taken within a round. Metrics are fetched or sent once a second. "${NO_HOOKS}, again" is what chance makes of no difference at all.`,
    table(
      ['get from Redis', ...concurrencies.map((concurrency) => `×${concurrency}`)],
      hookSetups.map(({ name }) => [name, ...concurrencies.map((concurrency) => redisCell(name, concurrency))]),
    ),
    `A get from memory that finds its item, and a getOrSet that the first level of a stack answers, which itself is not watched; one after the other, of 1,000 keys; each in a process of its own, the least of ${CELL_ROUNDS}. Two readings of the clock are a large part of it.`,
    table(
      [
        'in this process',
        'get from memory, ns',
        'more than without hooks',
        'getOrSet of a stack, ns',
        'more than without hooks',
      ],
      hookSetups.map(({ name }) => [name, ...nanosecondCells('memory', name), ...nanosecondCells('stack', name)]),
    ),
  ],
  {
    redis: concurrencies.map((concurrency) => ({
      concurrency,
      overheadInPercent: Object.fromEntries(hookSetups.map(({ name }) => [name, overheadOf(name, concurrency)])),
    })),
    nanoseconds: Object.fromEntries(nanoseconds),
  },
);
process.exit(0);
