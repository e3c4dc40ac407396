import { type RedisCluster, type Server, startRedis, startRedisCluster } from '@cache/test-servers';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createClient, createCluster } from 'redis';
import {
  type Act,
  BEGINNINGS,
  DISTURBANCES,
  KEY_INVALIDATIONS,
  lateStampReader,
  naiveReader,
  reader,
  TAG_INVALIDATIONS,
} from './coherence/acts.ts';
import { clusterOf, type Ground, oneServer } from './coherence/ground.ts';
import { type Choose, everyOrder, sampledOrders, takeSteps } from './coherence/orders.ts';
import { atRest, KEY, TAG, World, worldName } from './coherence/world.ts';

/**
 * Every order in which a real server may meet the commands of several caches: all of them with CHECK_COHERENCE=all
 * (minutes; `pnpm run check:coherence`), a seeded sample otherwise.
 */
const isExhaustive = process.env['CHECK_COHERENCE'] === 'all';
const SAMPLE = 12;
const SEED = 20_261_122;
/** Orders that are too many to run all: this many are drawn. */
const MANY = 4_000;
/** Enough for a control that is wrong in one of fifty orders. */
const CONTROL = 1_000;

// A server of its own: clear() takes a step per page of the whole database, so others' keys would multiply the orders.
let own: Server;
let client: ReturnType<typeof createClient>;
let ground: Ground;
beforeAll(async () => {
  own = await startRedis();
  client = createClient({ url: own.url });
  await client.connect();
  ground = oneServer(client);
}, 30_000);
afterAll(async () => {
  await client?.close();
  await own?.close();
});

interface Scenario {
  /** @default one server */
  readonly on?: Ground;
  readonly beginning: string;
  readonly tags: readonly string[];
  readonly acts: readonly Act[];
}

/** Runs one order and gives what was violated. */
async function violationIn(
  { on = ground, beginning, tags, acts }: Scenario,
  choose: Choose,
): Promise<string | undefined> {
  const world = new World(on, worldName);
  await BEGINNINGS[beginning]?.(world, tags);
  for (const [index, act] of acts.entries()) world.begin(`actor ${index}`, (cache, own) => act(world, cache, own));
  await atRest();
  await takeSteps(world.actors, choose, () => world.check());
  await world.end();
  return world.violation;
}

/** How many orders of a scenario were run, and the violations among them: all of them, or the first. */
async function explore(scenario: Scenario, orders: 'every' | number, wanted: 'all' | 'first' = 'all') {
  const violations: string[] = [];
  const run = async (choose: Choose): Promise<void> => {
    if (wanted === 'first' && violations.length > 0) return;
    const violation = await violationIn(scenario, choose);
    if (violation !== undefined) violations.push(violation);
  };
  const count = orders === 'every' ? await everyOrder(run) : await sampledOrders(orders, SEED, run);
  return { count, violations };
}

const LIMIT_MS = isExhaustive ? 3_600_000 : 60_000;
const invalidations = [
  ...Object.entries(KEY_INVALIDATIONS).map(([name, act]) => ({ name, act, tags: [] as string[] })),
  ...Object.entries(TAG_INVALIDATIONS).map(([name, act]) => ({ name, act, tags: [TAG] })),
];

function beginningsFor(tags: readonly string[]): string[] {
  return Object.keys(BEGINNINGS).filter((name) => tags.length > 0 || name !== 'dead by tag');
}

describe('rows 41, 42, 43: no order of steps shows what an acknowledged invalidation ended', () => {
  describe.each(invalidations)('a reader and $name', ({ act, tags }) => {
    test.each(beginningsFor(tags))(
      'beginning %s',
      async (beginning) => {
        const scenario = { beginning, tags, acts: [reader(tags), act] };
        const { count, violations } = await explore(scenario, 'every');
        expect(violations).toEqual([]);
        expect(count).toBeGreaterThan(1);
      },
      LIMIT_MS,
    );

    test.each(beginningsFor(tags))(
      'two readers, beginning %s',
      async (beginning) => {
        const scenario = { beginning, tags, acts: [reader(tags), reader(tags), act] };
        const { violations } = await explore(scenario, isExhaustive ? 'every' : SAMPLE);
        expect(violations).toEqual([]);
      },
      LIMIT_MS,
    );

    test.each(Object.entries(DISTURBANCES))(
      'and %s',
      async (_name, disturbance) => {
        const scenario = { beginning: 'empty', tags, acts: [reader(tags), act, disturbance] };
        const { violations } = await explore(scenario, isExhaustive ? 'every' : SAMPLE);
        expect(violations).toEqual([]);
      },
      LIMIT_MS,
    );

    test.each(invalidations)(
      'and $name too',
      async (other) => {
        const allTags = [...new Set([...tags, ...other.tags])];
        const scenario = { beginning: 'stale', tags: allTags, acts: [reader(allTags), act, other.act] };
        const { violations } = await explore(scenario, isExhaustive ? MANY : SAMPLE);
        expect(violations).toEqual([]);
      },
      LIMIT_MS,
    );
  });
});

describe('rows 41, 42, 43: no order of steps does so in a cluster, whose masters each go at a pace of their own', () => {
  let servers: RedisCluster;
  let cluster: ReturnType<typeof createCluster>;
  let masters: Ground;
  beforeAll(async () => {
    servers = await startRedisCluster();
    cluster = createCluster({ rootNodes: servers.urls.map((url) => ({ url })) });
    await cluster.connect();
    await Promise.all(cluster.masters.map((master) => cluster.nodeClient(master)));
    masters = clusterOf(cluster);
  }, 60_000);
  afterAll(async () => {
    await cluster?.close();
    await servers?.close();
  });

  describe.each(invalidations)('a reader and $name', ({ act, tags }) => {
    // Each world has a prefix of its own, so tags and item lie on one master or on two.
    test.each(beginningsFor(tags))(
      'beginning %s',
      async (beginning) => {
        const scenario = { on: masters, beginning, tags, acts: [reader(tags), act] };
        const { violations } = await explore(scenario, isExhaustive ? MANY : SAMPLE);
        expect(violations).toEqual([]);
      },
      LIMIT_MS,
    );
  });

  test(
    'and the search finds a stamp that is read when the value is stored',
    async () => {
      const acts = [lateStampReader, TAG_INVALIDATIONS['invalidateTags'] as Act];
      const { violations } = await explore({ on: masters, beginning: 'empty', tags: [TAG], acts }, CONTROL, 'first');
      expect(violations.length).toBeGreaterThan(0);
    },
    LIMIT_MS,
  );
});

describe('The same search finds what is wrong', () => {
  test('cache-aside: get, load, set', async () => {
    const acts = [naiveReader, KEY_INVALIDATIONS['removeItem'] as Act];
    const { violations } = await explore({ beginning: 'empty', tags: [], acts }, 'every');
    expect(violations.length).toBeGreaterThan(0);
  });

  test('a stamp that is read when the value is stored', async () => {
    const acts = [lateStampReader, TAG_INVALIDATIONS['invalidateTags'] as Act];
    const { violations } = await explore({ beginning: 'empty', tags: [TAG], acts }, 'every');
    expect(violations.length).toBeGreaterThan(0);
  });
});

describe('Tags whose bookkeeping lost its newest writes', () => {
  /** An item stamped after the writes that are lost, then the tag is invalidated again. */
  async function isStaleAfterLoss(invalidateAgain: (world: World) => Promise<unknown>): Promise<boolean> {
    const world = new World(ground, worldName);
    await world.direct.invalidateTags(['first']);
    const before = await client.hGetAll(world.tagsKey);
    await world.direct.invalidateTags(['lost']);
    await world.direct.set(KEY, { version: 1 }, { tags: [TAG] });
    await client.multi().del(world.tagsKey).hSet(world.tagsKey, before).exec();
    await invalidateAgain(world);
    const shown = await world.cacheOn(client).get(KEY);
    await world.end();
    return shown !== undefined;
  }

  test('end the item all the same', async () => {
    expect(await isStaleAfterLoss((world) => world.direct.invalidateTags([TAG]))).toBe(false);
  });

  test('would not with a bare counter, which gives a lost number again', async () => {
    const isStale = await isStaleAfterLoss(async ({ tagsKey, prefix }) => {
      const stamp = (await client.get(`${prefix}${KEY}`))?.slice(56, 72) ?? '';
      return client.hSet(tagsKey, { '#': stamp, [`t${TAG}`]: stamp });
    });
    expect(isStale).toBe(true);
  });
});

test('a set with tags right after an acknowledged invalidation of the tag is a hit', async () => {
  const world = new World(ground, worldName);
  for (let round = 1; round <= 20; round += 1) {
    await world.direct.invalidateTags([TAG]);
    await world.direct.set(KEY, { version: round }, { tags: [TAG] });
    expect(await world.direct.get(KEY)).toEqual({ version: round });
  }
  await world.end();
});
