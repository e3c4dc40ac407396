// What a set costs on its way to a store, beside a set of the cache alone: in microseconds a call, and as a ratio. The store
// answers at once, so that what is measured is ours; with a journal the disk is measured too.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InMemoryCache } from '@cache/memory';
import { createCache, FileJournal, type StackCache, type Store, writeBehind, writeThrough } from '@cache/stack';

const KEYS = 5_000;
const ROUNDS = 5;

/** One of those that are compared. */
interface Contestant {
  readonly name: string;
  readonly sets: number;
  set(key: string, value: number): Promise<void>;
  close(): Promise<void>;
}

const store: Store<number> = { load: () => 1, write: () => {}, remove: () => {}, writeMany: () => {} };

function newCache(): StackCache<number> {
  return createCache<number>({ l1: new InMemoryCache<number>({ maxSize: KEYS }) });
}

async function journaled(durability: 'buffered' | 'fsync', sets: number): Promise<Contestant> {
  const directory = await mkdtemp(join(tmpdir(), 'bench-'));
  const journal = await FileJournal.open<number>({ directory, durability });
  const cache = writeBehind(newCache(), store, { journal });
  return {
    name: `writeBehind, journal '${durability}'`,
    sets,
    set: (key, value) => cache.set(key, value),
    async close() {
      await cache.close();
      await journal.close();
      await rm(directory, { recursive: true });
    },
  };
}

async function contestants(width: number): Promise<Contestant[]> {
  const alone = newCache();
  const through = writeThrough(newCache(), store);
  const behind = writeBehind(newCache(), store);
  const plain = [
    { name: 'createCache alone', cache: alone },
    { name: 'writeThrough', cache: through },
    { name: 'writeBehind', cache: behind },
  ].map(({ name, cache }): Contestant => {
    return { name, sets: 20_000, set: (key, value) => cache.set(key, value), close: () => cache.close() };
  });
  return [
    ...plain,
    await journaled('buffered', width === 1 ? 2_000 : 20_000),
    await journaled('fsync', width === 1 ? 500 : 10_000),
  ];
}

/** Microseconds a set, `width` of them at a time. */
async function measure({ sets, set }: Contestant, width: number): Promise<number> {
  const startedAtMs = performance.now();
  for (let done = 0; done < sets; done += width) {
    await Promise.all(Array.from({ length: width }, (_, index) => set(`key ${(done + index) % KEYS}`, done)));
  }
  return ((performance.now() - startedAtMs) / sets) * 1_000;
}

for (const width of [1, 100]) {
  const all = await contestants(width);
  const best = new Map<string, number>();
  // Turn by turn, so that what else the machine does hits all alike; the first turn warms up.
  for (let round = 0; round <= ROUNDS; round += 1) {
    for (const contestant of all) {
      const cost = await measure(contestant, width);
      if (round > 0) best.set(contestant.name, Math.min(cost, best.get(contestant.name) ?? Number.POSITIVE_INFINITY));
    }
  }
  for (const contestant of all) await contestant.close();
  const reference = best.get('createCache alone') ?? 1;
  console.log(`\n| ${width} at a time | µs a set | to the cache alone |\n|---|--:|--:|`);
  for (const [name, cost] of best) {
    console.log(`| ${name} | ${cost.toFixed(1)} | ${(cost / reference).toFixed(1)} |`);
  }
}
