import { createClient } from 'redis';
import { type Contestant, type Load, ROSTER, type User } from './contestants.ts';
import { CONCURRENCY, HITS, KEYS, SHARED, type StackCell, WARM_UP, type Workload } from './workloads.ts';

/** In a process of its own: what one library takes for one kind of read, on standard output. */
const [name, workload, url, prefix] = process.argv.slice(2) as [string, Workload, string, string];
const roster = ROSTER.find((candidate) => candidate.name === name);
if (roster === undefined) throw new Error(`There is no contestant "${name}".`);

const load: Load = async (key) => ({ id: key, name: `The user with the key ${key}`, roles: ['reader', 'writer'] });
const forbidden: Load = (key) => Promise.reject(new Error(`${key} was to be a hit`));
const keyOf = (index: number): string => `user:${index}`;
const warmKeyOf = (index: number): string => `warm:${index}`;

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

async function hitsInMemory(cache: Contestant, ask: (key: string) => Promise<unknown>): Promise<StackCell> {
  for (let index = 0; index < KEYS; index += 1) await cache.getOrSet(keyOf(index));
  const keys = Array.from({ length: KEYS }, (_, index) => keyOf(index));
  const run = async (count: number): Promise<void> => {
    for (let index = 0; index < count; index += 1) await ask(keys[index % KEYS] as string);
  };
  await run(HITS);
  const ns = await timed(HITS, () => run(HITS));
  globalThis.gc?.();
  const before = process.memoryUsage().heapUsed;
  // Few enough that nothing is collected meanwhile.
  await run(2_000);
  return { ns, bytes: (process.memoryUsage().heapUsed - before) / 2_000 };
}

async function readEach(cache: Contestant): Promise<StackCell> {
  let wrong = 0;
  const ask = async (index: number): Promise<void> => {
    const key = keyOf(index);
    const user = (await cache.getOrSet(key).catch(() => undefined)) as User | undefined;
    if (user?.id !== key) wrong += 1;
  };
  const ns = await timed(SHARED, () => together(SHARED, ask));
  return { ns, isOther: wrong > 0 };
}

async function missesInRedis(cache: Contestant): Promise<StackCell> {
  const redis = await createClient({ url }).connect();
  await together(WARM_UP, (index) => cache.getOrSet(warmKeyOf(index)));
  const before = await redis.dbSize();
  const cell = await readEach(cache);
  const storedCount = (await redis.dbSize()) - before;
  await redis.close();
  return { ...cell, isOther: cell.isOther === true || storedCount < SHARED };
}

/** Another instance has stored everything: nothing in memory, everything in Redis. */
async function hitsInRedis(cache: Contestant): Promise<StackCell> {
  const filler = await (roster as (typeof ROSTER)[number]).create('memory and Redis', url, prefix, load);
  await together(SHARED, (index) => filler.getOrSet(keyOf(index)));
  await together(WARM_UP, (index) => filler.getOrSet(warmKeyOf(index)));
  await filler.close();
  await together(WARM_UP, (index) => cache.getOrSet(warmKeyOf(index)).catch(() => {}));
  return readEach(cache);
}

const level = workload.includes('memory') ? 'memory' : 'memory and Redis';
const isRedisHit = workload === 'getOrSet, hit in Redis';
const cache = await roster.create(level, url, prefix, isRedisHit ? forbidden : load);
const measure = {
  'get, hit in memory': () => hitsInMemory(cache, (key) => cache.get(key)),
  'getOrSet, hit in memory': () => hitsInMemory(cache, (key) => cache.getOrSet(key)),
  'getOrSet, hit in Redis': () => hitsInRedis(cache),
  'getOrSet, cold miss': () => missesInRedis(cache),
} satisfies Record<Workload, () => Promise<StackCell>>;
console.log(JSON.stringify(await measure[workload]()));
process.exit(0);
