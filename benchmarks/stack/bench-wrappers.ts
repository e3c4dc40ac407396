/**
 * What each layer of a stack costs a call, over a second level that costs next to nothing: a cache in memory behind promises. A
 * real one takes 50 to 1,000 µs more, so the differences are what counts.
 */
import { parseArgs } from 'node:util';
import { toAsync } from '@cache/core';
import { InMemoryCache } from '@cache/memory';
import { createCache, type SharedCache, type StackCache, type StackOptions } from '@cache/stack';
import { median, publish, table } from '../memory/results.ts';

const { values } = parseArgs({ options: { quick: { type: 'boolean', default: false } } });
const ROUNDS = values.quick ? 3 : 9;
const CALLS = values.quick ? 5_000 : 20_000;
const KEYS = 1_000;

type Call = (key: string) => Promise<unknown>;

/** A layer more than the row above. */
interface Layered {
  readonly name: string;
  readonly calls: Readonly<Record<Workload, Call>>;
}

const WORKLOADS = ['get', 'getOrSet, a hit', 'set', 'removeItem'] as const;
type Workload = (typeof WORKLOADS)[number];

function level(): SharedCache {
  return toAsync(new InMemoryCache({ maxSize: 10_000 })) as unknown as SharedCache;
}

function bare(cache: SharedCache): Layered['calls'] {
  return {
    get: (key) => cache.get(key),
    'getOrSet, a hit': (key) => cache.get(key),
    set: (key) => cache.set(key, 'value', 60),
    removeItem: (key) => cache.removeItem(key),
  };
}

function stacked(options: StackOptions): Layered['calls'] {
  const cache: StackCache = createCache(options);
  return {
    get: (key) => cache.get(key),
    'getOrSet, a hit': (key) => cache.getOrSet(key, () => 'value', 60),
    set: (key) => cache.set(key, 'value', 60),
    removeItem: (key) => cache.removeItem(key),
  };
}

const LAYERS: readonly Layered[] = [
  { name: 'the second level alone', calls: bare(level()) },
  { name: 'a stack without a breaker', calls: stacked({ l2: level(), breaker: false }) },
  { name: 'with the breaker', calls: stacked({ l2: level() }) },
  { name: 'and hooks', calls: stacked({ l2: level(), hooks: { onOperation: () => {} } }) },
  { name: 'and a first level', calls: stacked({ l2: level(), l1: new InMemoryCache({ maxSize: 10_000 }) }) },
];

async function nsOf(workload: Workload, { calls }: Layered): Promise<number> {
  const keys = Array.from({ length: KEYS }, (_, index) => `user:${index}`);
  if (workload !== 'set') for (const key of keys) await calls.set(key);
  const call = calls[workload];
  const startedAt = performance.now();
  for (let index = 0; index < CALLS; index += 1) await call(keys[index % KEYS] as string);
  return ((performance.now() - startedAt) * 1e6) / CALLS;
}

const figures = new Map<string, number[]>();
for (let round = 0; round <= ROUNDS; round += 1) {
  for (const workload of WORKLOADS) {
    // Turn by turn, so that whatever else the machine does falls on all of them.
    for (const layer of LAYERS) {
      const ns = await nsOf(workload, layer);
      const name = `${workload}|${layer.name}`;
      // The first round warms up.
      if (round > 0) figures.set(name, [...(figures.get(name) ?? []), ns]);
    }
  }
}
const nsIn = (workload: Workload, { name }: Layered): number => median(figures.get(`${workload}|${name}`) ?? []);
publish(
  values.quick ? 'stack-wrappers-partial' : 'stack-wrappers',
  [
    '# What each layer of a stack costs',
    'Run again with `npm run bench:stack:wrappers` in `benchmarks`.',
    `Nanoseconds a call, one after the other, the median of ${ROUNDS} rounds in which the layers take turns. The second level is a cache in memory behind promises, which costs next to nothing: a Redis or PostgreSQL adds 50,000 to 1,000,000 ns to each row but the hits of a first level.`,
    table(
      ['', ...WORKLOADS],
      LAYERS.map((layer) => [
        layer.name,
        ...WORKLOADS.map((workload) => Math.round(nsIn(workload, layer)).toLocaleString('en')),
      ]),
    ),
  ],
  Object.fromEntries(LAYERS.map((layer) => [layer.name, WORKLOADS.map((workload) => nsIn(workload, layer))])),
);
