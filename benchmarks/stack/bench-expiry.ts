/**
 * What readers feel while a value expires: the p99 of reads that overlap a refresh of their key, beside the p99 of all
 * others, with a stale window and, as the control, without one.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { InMemoryCache } from '@cache/memory';
import { RedisCache, redisBus } from '@cache/redis';
import { createCache, type StackCache } from '@cache/stack';
import { provideServers, uniqueName } from '@cache/test-servers';
import { createClient } from 'redis';
import { median, publish, table } from '../memory/results.ts';

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '5' }, seconds: { type: 'string', default: '6' } },
});
const ROUNDS = Number(values.rounds);
const RUN_MS = Number(values.seconds) * 1_000;
const READERS = 16;
const KEYS = 10;
const LOAD_MS = 50;
const EXPIRATION_IN_SECONDS = 1;
const THINK_MS = 2;

const VARIANTS = [
  { name: 'Redis, stale window', hasL1: false, staleInSeconds: 60 },
  { name: 'memory and Redis, stale window', hasL1: true, staleInSeconds: 60 },
  { name: 'Redis, no stale window (control)', hasL1: false, staleInSeconds: 0 },
] as const;
type Variant = (typeof VARIANTS)[number];

interface Read {
  readonly key: string;
  readonly fromMs: number;
  readonly toMs: number;
}

interface Outcome {
  readonly steadyP99Ms: number;
  readonly refreshP99Ms: number;
  readonly loads: number;
}

const servers = await provideServers(['redis']);
const url = servers.env['REDIS_URL'] ?? '';

/** Reads for some seconds, while every key expires each second and is loaded anew. */
async function measure({ hasL1, staleInSeconds }: Variant): Promise<Outcome> {
  const name = uniqueName('expiry');
  const client = await createClient({ url }).connect();
  const l2 = new RedisCache(client, { prefix: `${name}:` });
  const bus = redisBus(client, { name });
  const cache: StackCache = hasL1
    ? createCache({ l1: new InMemoryCache({ maxSize: 1_000 }), l2, bus })
    : createCache({ l2 });
  const loads: Read[] = [];
  const reads: Read[] = [];
  const read = async (key: string): Promise<void> => {
    const fromMs = performance.now();
    await cache.getOrSet(key, () => load(key), { expirationInSeconds: EXPIRATION_IN_SECONDS, staleInSeconds });
    reads.push({ key, fromMs, toMs: performance.now() });
  };
  const load = async (key: string): Promise<string> => {
    const fromMs = performance.now();
    await pause(LOAD_MS);
    loads.push({ key, fromMs, toMs: performance.now() });
    return 'x'.repeat(200);
  };
  try {
    await Promise.all(Array.from({ length: KEYS }, (_, index) => read(`key:${index}`)));
    reads.length = 0;
    loads.length = 0;
    const until = performance.now() + RUN_MS;
    const reader = async (first: number): Promise<void> => {
      for (let turn = first; performance.now() < until; turn += 1) {
        await read(`key:${turn % KEYS}`);
        await pause(THINK_MS);
      }
    };
    await Promise.all(Array.from({ length: READERS }, (_, index) => reader(index)));
    const isRefreshed = (one: Read): boolean =>
      loads.some(({ key, fromMs, toMs }) => key === one.key && one.fromMs <= toMs && fromMs <= one.toMs);
    return {
      steadyP99Ms: p99(reads.filter((one) => !isRefreshed(one))),
      refreshP99Ms: p99(reads.filter(isRefreshed)),
      loads: loads.length,
    };
  } finally {
    await cache.close();
    await bus.close();
    await l2.clear();
    await client.unlink(`${name}\0bus`);
    client.destroy();
  }
}

function p99(reads: readonly Read[]): number {
  const durations = reads.map(({ fromMs, toMs }) => toMs - fromMs).sort((a, b) => a - b);
  return durations[Math.floor(durations.length * 0.99)] ?? Number.NaN;
}

const outcomes = new Map<Variant, Outcome[]>(VARIANTS.map((variant) => [variant, []]));
for (let round = 0; round < ROUNDS; round += 1) {
  for (const variant of VARIANTS) {
    if (process.stdout.isTTY) process.stdout.write(`\rround ${round + 1} of ${ROUNDS}: ${variant.name}      `);
    outcomes.get(variant)?.push(await measure(variant));
  }
}
await servers.close();

const rows = VARIANTS.map((variant) => {
  const of = (figure: (outcome: Outcome) => number): number => median((outcomes.get(variant) ?? []).map(figure));
  return [
    variant.name,
    of(({ steadyP99Ms }) => steadyP99Ms).toFixed(1),
    of(({ refreshP99Ms }) => refreshP99Ms).toFixed(1),
    of(({ steadyP99Ms, refreshP99Ms }) => refreshP99Ms / steadyP99Ms).toFixed(2),
    String(of(({ loads }) => loads)),
  ];
});
publish(
  'stack-expiry',
  [
    '# Reading while values expire',
    'Run again with `npm run bench:stack:expiry` in `benchmarks`.',
    `${READERS} readers of ${KEYS} keys that live a second and take ${LOAD_MS} ms to load. Medians of ${ROUNDS} rounds of ${RUN_MS / 1_000} s. "While refreshed": reads that overlap a load of their own key.`,
    table(['', 'p99 ms, otherwise', 'p99 ms, while refreshed', 'ratio', 'loads'], rows),
  ],
  Object.fromEntries(VARIANTS.map((variant) => [variant.name, outcomes.get(variant)])),
);
process.exit(0);
