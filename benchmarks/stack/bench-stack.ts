/** Reading through: a hit in memory, a hit in Redis, a cold miss, beside the libraries that do the same. */
import { parseArgs } from 'node:util';
import { provideServers, uniqueName } from '@cache/test-servers';
import { createClient } from 'redis';
import { median, publish, table } from '../memory/results.ts';
import { runCell, showProgress } from '../memory/run-cell.ts';
import { ROSTER, type Roster } from './contestants.ts';
import { CONCURRENCY, KEYS, SHARED, type StackCell, WARM_UP, WORKLOADS, type Workload } from './workloads.ts';

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '5' }, quick: { type: 'boolean', default: false } },
});
const rounds = values.quick ? 3 : Number(values.rounds);
const CELL_LIMIT_MS = 60_000;

const servers = await provideServers(['redis']);
const url = servers.env['REDIS_URL'] ?? '';
const redis = await createClient({ url }).connect();
const runName = uniqueName('bench');
let prefixCount = 0;

/** What one library stored must not make the next one's server slower. */
async function forget(prefix: string): Promise<void> {
  for await (const keys of redis.scanIterator({ MATCH: `*${prefix}*`, COUNT: 1000 })) {
    if (keys.length > 0) await redis.unlink(keys);
  }
}

async function measure(roster: Roster, workload: Workload): Promise<StackCell> {
  prefixCount += 1;
  const prefix = `${runName}-${prefixCount}:`;
  const cell = await runCell('../stack/stack-cell.ts', [roster.name, workload, url, prefix], CELL_LIMIT_MS);
  await forget(prefix);
  if (cell === undefined) throw new Error(`${roster.name} failed at "${workload}".`);
  return cell as StackCell;
}

const cells = new Map<string, StackCell[]>();
const at = (name: string, workload: Workload): string => `${name} · ${workload}`;
for (let round = 0; round < rounds; round += 1) {
  for (const [place, workload] of WORKLOADS.entries()) {
    for (let turn = 0; turn < ROSTER.length; turn += 1) {
      // Each round begins with another contestant, so that nobody always runs first.
      const roster = ROSTER[(turn + round) % ROSTER.length] as Roster;
      if (!roster.isShared && !workload.includes('memory')) continue;
      showProgress(round * WORKLOADS.length + place, rounds * WORKLOADS.length, at(roster.name, workload));
      const cell = await measure(roster, workload);
      cells.set(at(roster.name, workload), [...(cells.get(at(roster.name, workload)) ?? []), cell]);
    }
  }
}
showProgress(1, 1, '');

function show(roster: Roster, workload: Workload): string {
  const own = cells.get(at(roster.name, workload));
  const ours = cells.get(at('@cache/stack', workload));
  if (own === undefined || ours === undefined) return '–';
  const ratio = median(own.map(({ ns }, round) => (ours[round]?.ns ?? Number.NaN) / ns));
  const ns = median(own.map((cell) => cell.ns));
  const time = ns < 10_000 ? `${ns.toFixed(0)} ns` : `${(ns / 1000).toFixed(1)} µs`;
  const bytes = own[0]?.bytes === undefined ? '' : ` · ${median(own.map((cell) => cell.bytes ?? 0)).toFixed(0)} B`;
  const mark = own.some(({ isOther }) => isOther) ? ' *' : '';
  return `${ratio.toFixed(2)} · ${time}${bytes}${mark}`;
}

publish(
  values.quick ? 'stack-partial' : 'stack',
  [
    '# Reading through',
    'Run again with `npm run bench:stack` in `benchmarks`.',
    `Each cell: times as fast as @cache/stack (median over ${rounds} rounds of the ratio within the round) · time per call · bytes allocated per call. Each in a process of its own, by turns. Hits in memory are asked one after the other of ${KEYS} keys; the others ${CONCURRENCY} at a time over ${SHARED} keys, each once, after ${WARM_UP} others by the same cache, over a Redis on the same machine, with what each library uses as its client: in a process's first second all are slower, and @cache/stack, which has most code to compile, is behind layered-loader and async-cache-dedupe for some 20,000 reads. Every value lives five minutes. A star: it gave something else than was stored, or had not stored the value in Redis when it answered, so it did less. layered-loader and async-cache-dedupe have no read but through their loader.`,
    table(
      ['', ...WORKLOADS],
      ROSTER.map((roster) => [roster.name, ...WORKLOADS.map((workload) => show(roster, workload))]),
    ),
  ],
  Object.fromEntries(cells),
);
await redis.close();
await servers.close();
process.exit(0);
