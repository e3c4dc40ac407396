import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { DatabaseCache } from '@cache/postgres';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type OwnSchema, ownSchema } from './own-schema.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const KEYS = 1_000;
/** Long, so that a key which is kept weighs more than all else that a round leaves. */
const KEY_LENGTH = 1_024;
const KEYS_BYTES = KEYS * KEY_LENGTH;

/** What calls compile and prepare in a round may outweigh what they keep: of so many, the one that left least counts. */
const ROUNDS = 3;

let own: OwnSchema;
let cache: DatabaseCache<number>;
let rounds = 0;

beforeAll(async () => {
  own = await ownSchema('memory');
  cache = new DatabaseCache(own.sql, { schema: own.schema, readTimeoutMs: 30_000, writeTimeoutMs: 30_000 });
});

afterAll(async () => {
  await cache.close();
  await own[Symbol.asyncDispose]();
});

/** Keys that nobody has called before. */
function newKeys(): string[] {
  rounds += 1;
  return Array.from({ length: KEYS }, (_, index) => `${rounds} ${index} `.padEnd(KEY_LENGTH, 'x'));
}

type Use = (keys: readonly string[]) => Promise<void>;

/** What is still there of the keys of a round, when nothing of it is under way any more. */
async function keptBytes(use: Use): Promise<number> {
  await use(newKeys());
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round += 1) {
    const before = await usedBytes();
    await use(newKeys());
    least = Math.min(least, (await usedBytes()) - before);
  }
  return least;
}

async function usedBytes(): Promise<number> {
  for (let pass = 0; pass < 2; pass += 1) {
    await new Promise((resume) => setImmediate(resume));
    collectGarbage();
  }
  return process.memoryUsage().heapUsed;
}

/** Not all at once: what a statement takes along is limited. */
async function inWaves(keys: readonly string[], wave: (keys: readonly string[]) => Promise<unknown>): Promise<void> {
  for (let start = 0; start < keys.length; start += 100) await wave(keys.slice(start, start + 100));
}

const USES: readonly (readonly [name: string, use: Use])[] = [
  ['reads that are gathered', (keys) => inWaves(keys, (wave) => cache.mget(wave))],
  ['reads that are not', (keys) => inWaves(keys, (wave) => Promise.all(wave.map((key) => cache.exists(key))))],
  ['looks at many entries', (keys) => inWaves(keys, (wave) => cache.getEntries(wave))],
  [
    'looks at the same entries by many callers at once',
    (keys) => inWaves(keys, (wave) => Promise.all([cache.getEntries(wave), cache.getEntries(wave.slice(1))])),
  ],
  [
    'writes, and reads that wait for them',
    (keys) =>
      inWaves(keys, (wave) =>
        Promise.all([cache.mset(wave.map((key) => [key, 1])), cache.mget(wave), cache.removeItems(wave)]),
      ),
  ],
];

describe('the order of calls of one key', () => {
  test.each(USES)('keeps nothing of %s once they have ended', async (_, use) => {
    expect(await keptBytes(use)).toBeLessThan(KEYS_BYTES / 2);
  });

  test('control: keys that somebody keeps are seen', async () => {
    const kept: string[] = [];
    const grown = await keptBytes((keys) =>
      inWaves(keys, async (wave) => {
        kept.push(...wave);
        await cache.mget(wave);
      }),
    );
    expect(grown).toBeGreaterThan(KEYS_BYTES / 2);
    expect(kept).toHaveLength((1 + ROUNDS) * KEYS);
  });
});
