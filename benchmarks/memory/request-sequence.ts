import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { randomFrom, zipf } from './random.ts';

/** Keys asked for, in order, and the capacities to try. */
export interface RequestSequence {
  readonly name: string;
  readonly requests: Int32Array;
  readonly capacities: readonly number[];
}

/** The capacities used with Caffeine's simulator for the traces that come with this repository. */
const KNOWN_CAPACITIES: Record<string, readonly number[]> = {
  cpp: [20, 50, 100, 300],
  gli: [250, 500, 1000, 1500, 2000],
  loop: [256, 512, 750],
  multi1: [500, 1000, 1500, 2000],
  '2_pools': [100, 200, 400, 1000],
  sprite: [250, 500, 1000, 2000],
};

/** A trace file, one key per line, plain or gzip-compressed, or every such file of a folder. */
export function readTraces(fileOrFolder: string): RequestSequence[] {
  if (statSync(fileOrFolder).isDirectory()) {
    return readdirSync(fileOrFolder)
      .filter((name) => /\.(txt|trace|gz|lis)$/.test(name))
      .flatMap((name) => readTraces(path.join(fileOrFolder, name)));
  }
  const bytes = readFileSync(fileOrFolder);
  const text = (fileOrFolder.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8');
  const numbers = new Map<string, number>();
  const lines = text.split('\n').filter((line) => line !== '');
  const requests = Int32Array.from(lines, (line) => {
    const number = numbers.get(line) ?? numbers.size;
    numbers.set(line, number);
    return number;
  });
  const name = path.basename(fileOrFolder).replace(/\..*$/, '');
  const shares = [0.01, 0.05, 0.1, 0.25].map((share) => Math.max(1, Math.round(share * numbers.size)));
  return [{ name, requests, capacities: KNOWN_CAPACITIES[name] ?? shares }];
}

/** The four generated workloads. */
export function generated(length: number): RequestSequence[] {
  const random = randomFrom(7);
  const universe = 10_000;
  const popular = zipf(length, universe, 0.9, random);
  const capacities = [100, 500, 2000];
  return [
    { name: 'zipf', requests: popular, capacities },
    {
      name: 'scan',
      // A tenth of the time somebody walks through keys that nobody asks for again.
      requests: popular.map((key, i) => (Math.floor(i / 2000) % 10 === 9 ? universe + i : key)),
      capacities,
    },
    { name: 'loop', requests: Int32Array.from({ length }, (_, i) => i % 1000), capacities: [250, 500, 900] },
    {
      name: 'shifting',
      // Every 20,000 requests a tenth of the keys fall out of use and new ones take their place.
      requests: popular.map((key, i) => key + Math.floor(i / 200_000 + (key % 10) / 10) * universe),
      capacities,
    },
  ];
}
