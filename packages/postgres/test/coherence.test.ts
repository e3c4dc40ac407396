import { DatabaseCache } from '@cache/postgres';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { maintain, RACES, type RaceGround, type RaceResult, race } from './coherence-races.ts';
import { type OwnSchema, ownSchema } from './own-schema.ts';

/** How long one race goes on in the suite; `npm run check:coherence` runs 1,000 rounds of each. */
const RACE_MS = 800;
/** And how long it may take to prove something where the machine is busy with other things. */
const LONGEST_RACE_MS = 30_000;

let own: OwnSchema;
let ground: RaceGround;

beforeAll(async () => {
  own = await ownSchema('coherence', { max: 24 });
  await own.sql.unsafe(`CREATE TABLE ${own.schema}.race_source (key text PRIMARY KEY, version int NOT NULL)`);
  const cache = new DatabaseCache<number>(own.sql, {
    schema: own.schema,
    readTimeoutMs: 10_000,
    writeTimeoutMs: 10_000,
  });
  ground = { sql: own.sql, schema: own.schema, cache };
});

afterAll(async () => {
  await ground.cache.close();
  await own[Symbol.asyncDispose]();
});

/** For so long, and until enough happened to prove something, however busy the machine is. */
function forSomeTime(least: number): (soFar: RaceResult) => boolean {
  const startedAt = performance.now();
  return ({ rounds, hits }) => {
    const elapsedMs = performance.now() - startedAt;
    return rounds < least || elapsedMs < RACE_MS || (hits === 0 && elapsedMs < LONGEST_RACE_MS);
  };
}

describe('rows 41, 42, 43: no read that starts after an acknowledged invalidation is answered with something older', () => {
  test.each(Object.entries(RACES))('%s', async (_name, writer) => {
    const result = await race(ground, writer, 'fill', forSomeTime(60));
    expect(result).toMatchObject({ stale: 0, lost: 0 });
    expect(result.hits).toBeGreaterThan(0);
  });

  test('with removals carried out and logs trimmed meanwhile', async () => {
    for (const name of ['removal in the transaction', 'expiry in the transaction', 'tag in the transaction']) {
      let isOver = false;
      const maintenance = maintain(ground, () => isOver);
      const result = await race(ground, RACES[name] as (typeof RACES)[string], 'fill', forSomeTime(60));
      isOver = true;
      await maintenance;
      expect(result).toMatchObject({ stale: 0, lost: 0 });
    }
  });
});

describe('control: a reader that stores with set instead of fill', () => {
  test.each(['removal in the transaction', 'removal after the commit', 'set in the transaction'])(
    'leaves something stale: %s',
    async (name) => {
      let stale = 0;
      const until = performance.now() + 20_000;
      while (stale === 0 && performance.now() < until) {
        const goesOn = forSomeTime(60);
        stale += (await race(ground, RACES[name] as (typeof RACES)[string], 'set', goesOn)).stale;
      }
      expect(stale).toBeGreaterThan(0);
    },
  );

  // Where many rounds race, each other's clears take away what is stale before anybody sees it.
  test('leaves something stale: clear while it loads', async () => {
    const { cache } = ground;
    const stored = { fill: 'clear-fill', set: 'clear-set' };
    const filled = await cache.getOrLease(stored.fill);
    if (!('lease' in filled) || filled.lease === undefined) throw new Error('No lease was granted.');
    await cache.clear();
    expect(await cache.fill(filled.lease, 1)).toBe(false);
    await cache.set(stored.set, 1);
    expect(await cache.mget([stored.fill, stored.set])).toEqual([undefined, 1]);
  });
});
