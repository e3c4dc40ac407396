/** Reading through: a hit in memory, a hit in Redis, a cold miss, beside the libraries that do the same. */
import { parseArgs } from 'node:util';
import { provideServers, uniqueName } from '@cache/test-servers';
import { createClient } from 'redis';
import { median, publish, table } from '../memory/results.ts';
import { type Contestant, type Load, ROSTER, type Roster, type User } from './contestants.ts';

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '5' }, quick: { type: 'boolean', default: false } },
});
const rounds = values.quick ? 3 : Number(values.rounds);
const KEYS = 1_000;
const HITS = values.quick ? 50_000 : 200_000;
const SHARED = values.quick ? 1_000 : 4_000;
/** Code that has run little is still interpreted: each contestant begins with as many reads of the kind that is measured. */
const WARM_UP = SHARED;
const CONCURRENCY = 32;

const WORKLOADS = [
  'get, hit in memory',
  'getOrSet, hit in memory',
  'getOrSet, hit in Redis',
  'getOrSet, cold miss',
] as const;
type Workload = (typeof WORKLOADS)[number];

const load: Load = async (key) => ({ id: key, name: `The user with the key ${key}`, roles: ['reader', 'writer'] });
const forbidden: Load = (key) => Promise.reject(new Error(`${key} was to be a hit`));
const servers = await provideServers(['redis']);
const url = servers.env['REDIS_URL'] ?? '';
const redis = await createClient({ url }).connect();
const runName = uniqueName('bench');
let instances = 0;

interface Cell {
  readonly ns: number;
  readonly bytes?: number;
  /** True if it did not do what the others did: gave something else, or stored nothing in Redis before it answered. */
  readonly isOther?: boolean;
}

async function together(count: number, ask: (index: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < count) {
      const index = next;
      next += 1;
      await ask(index);
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, lane));
}

async function timed(count: number, run: () => Promise<void>): Promise<number> {
  const startedAt = performance.now();
  await run();
  return ((performance.now() - startedAt) * 1e6) / count;
}

const keyOf = (index: number): string => `user:${index}`;

async function hitsInMemory(cache: Contestant, ask: (key: string) => Promise<unknown>): Promise<Cell> {
  for (let index = 0; index < KEYS; index += 1) await cache.getOrSet(keyOf(index));
  const keys = Array.from({ length: KEYS }, (_, index) => keyOf(index));
  const run = async (count: number): Promise<void> => {
    for (let index = 0; index < count; index += 1) await ask(keys[index % KEYS] as string);
  };
  await run(HITS / 4);
  const ns = await timed(HITS, () => run(HITS));
  globalThis.gc?.();
  const before = process.memoryUsage().heapUsed;
  // Few enough that nothing is collected meanwhile.
  await run(2_000);
  return { ns, bytes: (process.memoryUsage().heapUsed - before) / 2_000 };
}

async function readEach(cache: Contestant): Promise<Cell> {
  let wrong = 0;
  const ask = async (index: number): Promise<void> => {
    const key = keyOf(index);
    const user = (await cache.getOrSet(key).catch(() => undefined)) as User | undefined;
    if (user?.id !== key) wrong += 1;
  };
  const ns = await timed(SHARED, () => together(SHARED, ask));
  return { ns, isOther: wrong > 0 };
}

async function measure(roster: Roster, workload: Workload): Promise<Cell> {
  instances += 1;
  const prefix = `${runName}-${instances}:`;
  const level = roster.isShared && workload.includes('memory') === false ? 'memory and Redis' : 'memory';
  const cache = await roster.create(level, url, prefix, load);
  try {
    switch (workload) {
      case 'get, hit in memory':
        return await hitsInMemory(cache, (key) => cache.get(key));
      case 'getOrSet, hit in memory':
        return await hitsInMemory(cache, (key) => cache.getOrSet(key));
      case 'getOrSet, cold miss': {
        await together(WARM_UP, (index) => cache.getOrSet(`warm:${index}`));
        const before = await redis.dbSize();
        const cell = await readEach(cache);
        return { ...cell, isOther: cell.isOther === true || (await redis.dbSize()) - before < SHARED };
      }
      case 'getOrSet, hit in Redis': {
        await together(SHARED, (index) => cache.getOrSet(keyOf(index)));
        await together(WARM_UP, (index) => cache.getOrSet(`warm:${index}`));
        // Another process: nothing in memory, everything in Redis.
        const other = await roster.create(level, url, prefix, forbidden);
        try {
          await together(WARM_UP, (index) => other.getOrSet(`warm:${index}`).catch(() => {}));
          return await readEach(other);
        } finally {
          await other.close();
        }
      }
    }
  } finally {
    await cache.close();
  }
}

const cells = new Map<string, Cell[]>();
const at = (name: string, workload: Workload): string => `${name} · ${workload}`;
// The first round only warms up: whoever runs first would pay for what all have in common.
for (let round = -1; round < rounds; round += 1) {
  for (const workload of WORKLOADS) {
    for (let turn = 0; turn < ROSTER.length; turn += 1) {
      // Each round begins with another contestant, so that nobody always runs first.
      const roster = ROSTER[(turn + round + 1) % ROSTER.length] as Roster;
      if (!roster.isShared && !workload.includes('memory')) continue;
      if (process.stdout.isTTY)
        process.stdout.write(`\rround ${round + 1} of ${rounds}: ${at(roster.name, workload)}      `);
      const cell = await measure(roster, workload);
      if (round < 0) continue;
      cells.set(at(roster.name, workload), [...(cells.get(at(roster.name, workload)) ?? []), cell]);
    }
  }
}

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
    `Each cell: times as fast as @cache/stack (median over ${rounds} rounds of the ratio within the round) · time per call · bytes allocated per call. Hits in memory are asked one after the other of ${KEYS} keys; the others ${CONCURRENCY} at a time over ${SHARED} keys, each once, after as many others, over a Redis on the same machine, with what each library uses as its client. Every value lives five minutes. The contestants take turns. A star: it gave something else than was stored, or had not stored the value in Redis when it answered, so it did less. layered-loader and async-cache-dedupe have no read but through their loader.`,
    table(
      ['', ...WORKLOADS],
      ROSTER.map((roster) => [roster.name, ...WORKLOADS.map((workload) => show(roster, workload))]),
    ),
  ],
  Object.fromEntries(cells),
);
for await (const keys of redis.scanIterator({ MATCH: `*${runName}*`, COUNT: 1000 })) {
  if (keys.length > 0) await redis.unlink(keys);
}
await redis.close();
await servers.close();
process.exit(0);
