import { InMemoryCache } from '@cache/memory';
import { createCache } from '@cache/stack';
import { hookSetups } from './hook-roster.ts';

/**
 * In a process of its own: the nanoseconds that a `getOrSet` takes which the first level of a stack answers, with one way of
 * watching the stack, on standard output.
 */
const name = process.argv[2];
const setup = hookSetups.find((candidate) => candidate.name === name);
if (setup === undefined) throw new Error(`There are no hooks "${name}".`);

const KEYS = 1_000;
const CALLS = 50_000;
const ROUNDS = 15;

const { hooks, close } = await setup.open();
const l1 = new InMemoryCache<number>({ maxSize: KEYS });
const cache = createCache<number>({ name: 'watched', l1, ...(hooks && { hooks }) });
const keys = Array.from({ length: KEYS }, (_, index) => `user:${index}`);
for (const [index, key] of keys.entries()) await cache.set(key, index, null);

const missed = (): number => {
  throw new Error('The first level does not have what was stored.');
};

/** Adds up what it gets, so that no call can be left out. */
async function nanosecondsPerGet(): Promise<number> {
  let sum = 0;
  const startedAt = process.hrtime.bigint();
  for (let call = 0; call < CALLS; call += 1) sum += (await cache.getOrSet(keys[call % KEYS] as string, missed)) ?? 0;
  const elapsed = Number(process.hrtime.bigint() - startedAt);
  if (sum !== (CALLS / KEYS) * ((KEYS * (KEYS - 1)) / 2)) throw new Error('A get gave something else than was stored.');
  return elapsed / CALLS;
}

await nanosecondsPerGet();
// What else the machine does can only make a loop slower.
let least = Number.POSITIVE_INFINITY;
for (let round = 0; round < ROUNDS; round += 1) least = Math.min(least, await nanosecondsPerGet());
console.log(JSON.stringify(least));
await close();
process.exit(0);
