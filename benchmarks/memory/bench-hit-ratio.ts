import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { beladyHits } from './belady.ts';
import { CONTESTANTS } from './contestant.ts';
import { generated, type RequestSequence, readTraces } from './request-sequence.ts';
import { publish, table } from './results.ts';
import { showProgress } from './run-cell.ts';

/** Those whose policies differ; lru-cache is LRU itself. */
const COMPARED = ['@cache/memory', 'lru-cache', 'quick-lru', '@isaacs/ttlcache', '@neophi/sieve-cache'];
/** Ours draws a seed for its hash: the mean of several caches is shown. */
const OWN_RUNS = 12;

const { values } = parseArgs({
  options: {
    trace: { type: 'string', multiple: true, default: [fileURLToPath(new URL('../traces/', import.meta.url))] },
    length: { type: 'string', default: '400000' },
    quick: { type: 'boolean', default: false },
  },
});
const contestants = COMPARED.flatMap((name) => CONTESTANTS.filter((one) => one.name === name));
const sequences: RequestSequence[] = [
  ...values.trace.flatMap(readTraces),
  ...generated(values.quick ? 100_000 : Number(values.length)),
];

function hitPercent(
  make: (capacity: number) => { get(key: string): unknown; set(key: string, value: unknown): void },
  keys: readonly string[],
  requests: Int32Array,
  capacity: number,
): number {
  const cache = make(capacity);
  let hits = 0;
  for (const request of requests) {
    const key = keys[request] as string;
    if (cache.get(key) === undefined) cache.set(key, request + 1);
    else hits++;
  }
  return (100 * hits) / requests.length;
}

const head = ['', 'items', ...contestants.map(({ name }) => name), 'optimum'];
const rows: string[][] = [];
const means: number[][] = [];
for (const [done, { name, requests, capacities }] of sequences.entries()) {
  const keys = Array.from(
    { length: requests.reduce((largest, one) => Math.max(largest, one), 0) + 1 },
    (_, i) => `key:${i}`,
  );
  const perCapacity = capacities.map((capacity) => {
    showProgress(done, sequences.length, `${name} ${capacity}`);
    const ratios = contestants.map(({ make }, i) => {
      const runs = Array.from({ length: i === 0 ? OWN_RUNS : 1 }, () => hitPercent(make, keys, requests, capacity));
      return runs.reduce((sum, one) => sum + one, 0) / runs.length;
    });
    return [...ratios, (100 * beladyHits(requests, capacity)) / requests.length];
  });
  for (const [i, ratios] of perCapacity.entries())
    rows.push([name, `${capacities[i]}`, ...ratios.map((one) => one.toFixed(2))]);
  const mean = (perCapacity[0] as number[]).map(
    (_, i) => perCapacity.reduce((sum, one) => sum + (one[i] as number), 0) / perCapacity.length,
  );
  means.push(mean);
  rows.push([`**${name}**`, 'mean', ...mean.map((one) => `**${one.toFixed(2)}**`)]);
}
showProgress(1, 1, '');
const overall = (means[0] as number[]).map(
  (_, i) => means.reduce((sum, one) => sum + (one[i] as number), 0) / means.length,
);
rows.push(['**all**', 'mean', ...overall.map((one) => `**${one.toFixed(2)}**`)]);

publish(
  values.quick ? 'memory-hit-ratio-partial' : 'memory-hit-ratio',
  [
    '# Hit ratio',
    'Run again with `npm run bench:memory:hit-ratio` in `benchmarks`; `-- --trace FILE` takes any trace, one key per line, or a folder of them.',
    `Hits as a percentage of requests, each miss followed by a set; ours is the mean of ${OWN_RUNS} caches with different hash seeds. The optimum is Bélády's.`,
    table(head, rows),
  ],
  { head, rows },
);
