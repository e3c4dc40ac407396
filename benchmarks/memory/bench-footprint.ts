import { parseArgs } from 'node:util';
import { CONTESTANTS } from './contestant.ts';
import { median, publish, table } from './results.ts';
import { runCell, showProgress } from './run-cell.ts';

const CELL_LIMIT_MS = 180_000;
const { values } = parseArgs({
  options: {
    items: { type: 'string', default: '1000000' },
    rounds: { type: 'string', default: '3' },
    contestants: { type: 'string', default: '' },
    quick: { type: 'boolean', default: false },
  },
});
const items = values.quick ? 200_000 : Number(values.items);
const rounds = values.quick ? 1 : Number(values.rounds);
const wanted = values.quick ? ['@cache/memory', 'lru-cache', 'quick-lru'] : values.contestants.split(',');
const contestants = CONTESTANTS.filter(({ name, evicts }) => evicts && wanted.some((part) => name.includes(part)));

interface Footprint {
  readonly bytesFull: number;
  readonly bytesChurned: number;
  readonly worstFillMs: number;
  readonly worstMs: number;
  readonly nsPerSet: number;
  readonly collectedMs: number;
}

const results = new Map<string, Footprint[]>();
for (let round = 0; round < rounds; round++) {
  for (const [i, { name }] of contestants.entries()) {
    showProgress(round * contestants.length + i, rounds * contestants.length, name);
    const result = (await runCell('footprint-cell.ts', [name, `${items}`], CELL_LIMIT_MS)) as Footprint | undefined;
    if (result !== undefined) results.set(name, [...(results.get(name) ?? []), result]);
  }
}
showProgress(1, 1, '');

publish(
  values.quick ? 'memory-footprint-partial' : 'memory-footprint',
  [
    `# Memory and pauses at ${items} items`,
    'Run again with `npm run bench:memory:footprint` in `benchmarks`.',
    `Bytes per item beyond keys and values, after filling and after ${2 * items} further keys have passed through; the longest time 100 sets in a row took` +
      ` while filling and while churning, garbage collection included; medians of ${rounds} rounds, a fresh process each.`,
    table(
      ['', 'bytes when full', 'bytes after churn', 'worst fill ms', 'worst churn ms', 'ns per set', 'GC ms'],
      contestants.map(({ name, lacks }) => {
        const own = results.get(name) ?? [];
        const of = (pick: (footprint: Footprint) => number, digits: number): string =>
          own.length === 0 ? 'failed' : median(own.map(pick)).toFixed(digits);
        return [
          lacks === undefined ? name : `${name} (${lacks})`,
          of((one) => one.bytesFull, 1),
          of((one) => one.bytesChurned, 1),
          of((one) => one.worstFillMs, 1),
          of((one) => one.worstMs, 1),
          of((one) => one.nsPerSet, 0),
          of((one) => one.collectedMs, 0),
        ];
      }),
    ),
  ],
  Object.fromEntries(results),
);
