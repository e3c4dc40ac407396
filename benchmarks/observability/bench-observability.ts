/** What watching costs: a get from Redis, from memory and from the first level of a stack, with each exporter and without. */
import { parseArgs } from 'node:util';
import { startRedis } from '@cache/test-servers';
import { publish, table } from '../memory/results.ts';
import { runCell, showProgress } from '../memory/run-cell.ts';
import { hookSetups, NO_HOOKS } from './hook-roster.ts';
import { bareNs, type MedianInterval, overheadInPercent, type PairedBlock } from './paired-blocks.ts';

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    concurrency: { type: 'string', default: '1,16,64' },
    hooks: { type: 'string', default: hookSetups.map(({ name }) => name).join('|') },
  },
});
const concurrencies = values.concurrency.split(',').map(Number);
const names = [...new Set([NO_HOOKS, ...values.hooks.split('|')])];
/** Processes differ more than blocks of one: its code is compiled a little better or worse for as long as it lives. */
const PROCESSES = values.quick ? 2 : 10;
const BLOCKS = values.quick ? 20 : 16;
const SLICE_MS = 5;
const CELL_ROUNDS = values.quick ? 1 : 3;
const CELL_LIMIT_MS = 60_000;

async function cell(program: string, args: readonly string[]): Promise<unknown> {
  const answer = await runCell(`../observability/${program}.ts`, args, CELL_LIMIT_MS);
  if (answer === undefined) throw new Error(`${program} failed for ${args.join(' ')}.`);
  return answer;
}

const eventNs = new Map<string, number[][]>(names.map((name) => [name, []]));
const memoryNs = new Map<string, number[]>(names.map((name) => [name, []]));
const stackNs = new Map<string, number[]>(names.map((name) => [name, []]));
/** The blocks of each process, by the name of the hooks and the number of calls under way. */
const blocks = new Map<string, Map<number, PairedBlock[][]>>();

await using server = await startRedis();
for (let round = 0; round < PROCESSES; round += 1) {
  for (const [index, name] of names.entries()) {
    showProgress(round * names.length + index, PROCESSES * names.length, name);
    const args = [name, server.url, values.concurrency, String(BLOCKS), String(SLICE_MS)];
    const measured = (await cell('redis-get-cell', args)) as Record<number, PairedBlock[]>;
    const own = blocks.get(name) ?? new Map<number, PairedBlock[][]>();
    blocks.set(name, own);
    for (const concurrency of concurrencies)
      own.set(concurrency, [...(own.get(concurrency) ?? []), measured[concurrency] ?? []]);
    if (round >= CELL_ROUNDS) continue;
    eventNs.get(name)?.push((await cell('event-cell', [name, ...concurrencies.map(String)])) as number[]);
    memoryNs.get(name)?.push((await cell('memory-get-cell', [name])) as number);
    stackNs.get(name)?.push((await cell('stack-get-cell', [name])) as number);
  }
}
showProgress(1, 1, '');

const processesOf = (name: string, concurrency: number): PairedBlock[][] => blocks.get(name)?.get(concurrency) ?? [];

function percent(figure: number, digits = 1): string {
  return `${figure > 0 ? '+' : ''}${figure.toFixed(digits)}`;
}

function interval({ low, median, high }: MedianInterval): string {
  return `${percent(median)} % (${percent(low)} … ${percent(high)})`;
}

function redisCell(name: string, concurrency: number): string {
  const processes = processesOf(name, concurrency);
  return `${interval(overheadInPercent(processes, 'wallNs'))} · ${interval(overheadInPercent(processes, 'cpuNs'))}`;
}

const bareCallNs = (concurrency: number): number =>
  bareNs(
    names.flatMap((name) => processesOf(name, concurrency)),
    'wallNs',
  );

/** What else the machine does can only make a loop slower. */
function eventCostNs(name: string, place: number): number {
  return Math.min(...(eventNs.get(name) ?? []).map((figures) => figures[place] ?? Number.NaN));
}

function eventCells(name: string): string[] {
  return concurrencies.map((concurrency, place) => {
    const cost = eventCostNs(name, place);
    return `${cost.toFixed(cost < 10 ? 1 : 0)} ns · ${((cost / bareCallNs(concurrency)) * 100).toFixed(2)} %`;
  });
}

/** The nanoseconds of a call, and how many of them are for the hooks. */
function nanosecondCells(figures: ReadonlyMap<string, readonly number[]>, name: string): string[] {
  const leastOf = (whose: string): number => Math.min(...(figures.get(whose) ?? []));
  return [leastOf(name).toFixed(0), `${(leastOf(name) - leastOf(NO_HOOKS)).toFixed(0)} ns`];
}

publish(
  values.quick ? 'observability-partial' : 'observability',
  [
    '# What watching a cache costs',
    'Run again with `npm run bench:observability` in `benchmarks`.',
    `A get of 200 bytes from a Redis on the same machine, ×N calls under way. Each cell: by how much a call takes longer than without hooks · by how much more processor time of the client. A process has a cache with these hooks and one without, over one client. They take turns in slices of ${SLICE_MS} ms, four to a block (without, with, with, without, and the other way round), and a ratio is taken within a block: the median of ${PROCESSES} processes of ${BLOCKS} blocks, in brackets its 95 % interval by bootstrap over processes. Metrics are fetched or sent once a second. "${NO_HOOKS}" is two caches that are the same: what chance makes of no difference, so that nothing is proved of a difference whose interval is not outside of it.`,
    table(
      [
        'get from Redis',
        ...concurrencies.map(
          (concurrency) => `×${concurrency}: ${(bareCallNs(concurrency) / 1_000).toFixed(1)} µs a call`,
        ),
      ],
      names.map((name) => [name, ...concurrencies.map((concurrency) => redisCell(name, concurrency))]),
    ),
    `What telling the hooks of such a get takes, without any server, and its share of the get: the least of ${CELL_ROUNDS} processes. Of the gets that one round trip answered, hooks with \`onReads\` hear at once. Counting them until then, which is the cache's part, is not in it; it is in the table above.`,
    table(
      ['told of a get', ...concurrencies.map((concurrency) => `×${concurrency}`)],
      names.filter((name) => name !== NO_HOOKS).map((name) => [name, ...eventCells(name)]),
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
      names.map((name) => [name, ...nanosecondCells(memoryNs, name), ...nanosecondCells(stackNs, name)]),
    ),
  ],
  {
    redis: concurrencies.map((concurrency, place) => ({
      concurrency,
      bareNs: bareCallNs(concurrency),
      overheadInPercent: Object.fromEntries(
        names.map((name) => {
          const processes = processesOf(name, concurrency);
          return [name, { wall: overheadInPercent(processes, 'wallNs'), cpu: overheadInPercent(processes, 'cpuNs') }];
        }),
      ),
      eventNs: Object.fromEntries(names.map((name) => [name, eventCostNs(name, place)])),
    })),
    nanoseconds: Object.fromEntries(
      names.map((name) => [name, { memory: memoryNs.get(name), stack: stackNs.get(name) }]),
    ),
  },
);
process.exit(0);
