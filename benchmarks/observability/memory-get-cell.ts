import { InMemoryCache } from '@cache/memory';
import { hookSetups } from './hook-roster.ts';

/** In a process of its own: the nanoseconds that a hit in memory takes under one way of watching, on standard output. */
const name = process.argv[2];
const setup = hookSetups.find((candidate) => candidate.name === name);
if (setup === undefined) throw new Error(`There are no hooks "${name}".`);

const KEYS = 1_000;
const CALLS = 100_000;
const ROUNDS = 15;

const { hooks, close } = await setup.open();
const cache = new InMemoryCache<number>({ maxSize: KEYS, ...(hooks && { hooks }) });
const keys = Array.from({ length: KEYS }, (_, index) => `user:${index}`);
for (const [index, key] of keys.entries()) cache.set(key, index, null);

/** Adds up what it gets, so that no call can be left out. */
function nanosecondsPerGet(): number {
  let sum = 0;
  const startedAt = process.hrtime.bigint();
  for (let call = 0; call < CALLS; call += 1) sum += cache.get(keys[call % KEYS] as string) ?? Number.NaN;
  const elapsed = Number(process.hrtime.bigint() - startedAt);
  if (sum !== (CALLS / KEYS) * ((KEYS * (KEYS - 1)) / 2)) throw new Error('A get gave something else than was stored.');
  return elapsed / CALLS;
}

nanosecondsPerGet();
// What else the machine does can only make a loop slower.
console.log(JSON.stringify(Math.min(...Array.from({ length: ROUNDS }, nanosecondsPerGet))));
await close();
process.exit(0);
