import { RedisCache } from '@cache/redis';
import { createClient } from 'redis';
import { SampleValues } from '../servers/sample-values.ts';
import { hookSetups } from './hook-roster.ts';
import type { Arm, PairedBlock } from './paired-blocks.ts';

/**
 * In a process of its own: gets from Redis by a cache with hooks and by one without, turn by turn over one client; on
 * standard output for each concurrency blocks of four slices. Both caches make the same calls moments apart, so what a
 * process or a moment makes slower falls on both.
 */
const [name, url, concurrencies, blockCount, sliceMs] = [
  process.argv[2],
  process.argv[3],
  process.argv[4]?.split(',').map(Number),
  ...process.argv.slice(5).map(Number),
] as [string, string, number[], number, number];
const setup = hookSetups.find((candidate) => candidate.name === name);
if (setup === undefined) throw new Error(`There are no hooks "${name}".`);

const SIZE_BYTES = 200;
const KEYS = 512;
/** Of calls that are made one at a time so long are no more than 20,000: fewer, and both caches are still being compiled. */
const WARM_UP_MS = 1_500;
/** The slices of a block: a drift that is even over it falls on both alike. */
const ORDERS = [
  ['bare', 'watched', 'watched', 'bare'],
  ['watched', 'bare', 'bare', 'watched'],
] as const;

const client = await createClient({ url })
  .on('error', () => {})
  .connect();
const { hooks, close } = await setup.open();
const samples = new SampleValues(SIZE_BYTES, KEYS);
const options = { prefix: 'observability:', readTimeoutMs: 10_000, writeTimeoutMs: 10_000 };
const caches = {
  bare: new RedisCache(client, options),
  watched: new RedisCache(client, { ...options, ...(hooks && { hooks }) }),
} satisfies Record<Arm, RedisCache>;
await caches.bare.mset(
  samples.keys.map((key, index) => [key, samples.value(index, index)]),
  null,
);

/** Has `calls` gets made, so many at a time, and checks every answer. */
async function run(cache: RedisCache, concurrency: number, calls: number): Promise<void> {
  let begun = 0;
  const worker = async (): Promise<void> => {
    while (begun < calls) {
      const index = begun % KEYS;
      begun += 1;
      const answer = (await cache.get(samples.keys[index] as string)) as { version?: number } | undefined;
      if (answer?.version !== index) throw new Error('A get gave something else than was stored.');
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
}

/** Both caches until the compiler has seen enough of them; gives the calls that fill a slice. */
async function warmUp(concurrency: number): Promise<number> {
  const batch = Math.max(64, concurrency * 8);
  let calls = 0;
  const startedAt = performance.now();
  while (performance.now() - startedAt < WARM_UP_MS) {
    await run(caches.bare, concurrency, batch);
    await run(caches.watched, concurrency, batch);
    calls += 2 * batch;
  }
  const millisecondsPerCall = (performance.now() - startedAt) / calls;
  return Math.max(2 * concurrency, Math.round(sliceMs / millisecondsPerCall));
}

async function measureBlock(order: readonly Arm[], concurrency: number, calls: number): Promise<PairedBlock> {
  const wallNs = { bare: 0, watched: 0 };
  const cpuNs = { bare: 0, watched: 0 };
  for (const arm of order) {
    const cpuBefore = process.cpuUsage();
    const startedAt = process.hrtime.bigint();
    await run(caches[arm], concurrency, calls);
    const elapsedNs = Number(process.hrtime.bigint() - startedAt);
    const { user, system } = process.cpuUsage(cpuBefore);
    wallNs[arm] += elapsedNs / (2 * calls);
    cpuNs[arm] += ((user + system) * 1_000) / (2 * calls);
  }
  return { wallNs, cpuNs };
}

// A cache that is asked one call at a time would not be compiled for seconds.
await warmUp(Math.max(...concurrencies));
const measured: Record<number, PairedBlock[]> = {};
for (const concurrency of concurrencies) {
  const calls = await warmUp(concurrency);
  const blocks: PairedBlock[] = [];
  for (let block = 0; block < blockCount; block += 1)
    blocks.push(await measureBlock(ORDERS[block % 2] as (typeof ORDERS)[number], concurrency, calls));
  measured[concurrency] = blocks;
}
await client.close();
await close();
console.log(JSON.stringify(measured));
process.exit(0);
