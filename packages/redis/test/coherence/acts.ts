import type { RedisCache } from '@cache/redis';
import type { Stepping } from './ground.ts';
import { KEY, TAG, type Versioned, type World } from './world.ts';

/** What an actor does, given its cache and the connection whose steps it takes. */
export type Act = (world: World, cache: RedisCache<Versioned>, client: Stepping) => Promise<void>;

/** Loads through the lease, as everybody should. */
export function reader(tags: readonly string[]): Act {
  return async (world, cache, client) => {
    const acknowledged = world.acknowledgedVersion;
    const entry = await cache.getOrLease(KEY);
    if (entry.state === 'fresh') world.judge('getOrLease', entry.value, acknowledged);
    if (!('lease' in entry) || entry.lease === undefined) return;
    const version = await client.park(() => world.version);
    world.note(`loads ${version}`);
    await cache.fill(entry.lease, { version }, { tags, staleInSeconds: 60 });
  };
}

/** A writer: the database first, then the call that tells the cache. */
function writer(tell: (cache: RedisCache<Versioned>, version: number) => Promise<unknown>): Act {
  return async (world, cache, client) => {
    const version = await client.park(() => {
      world.version += 1;
      return world.version;
    });
    await tell(cache, version);
    world.acknowledgedVersion = Math.max(world.acknowledgedVersion, version);
    world.note(`acknowledged ${version}`);
  };
}

/** Every call that invalidates, those by tag apart: they concern items with tags alone. */
export const KEY_INVALIDATIONS: Readonly<Record<string, Act>> = {
  removeItem: writer((cache) => cache.removeItem(KEY)),
  expireItem: writer((cache) => cache.expireItem(KEY)),
  clear: writer((cache) => cache.clear()),
  set: writer((cache, version) => cache.set(KEY, { version, isSet: true })),
};

export const TAG_INVALIDATIONS: Readonly<Record<string, Act>> = {
  invalidateTags: writer((cache) => cache.invalidateTags([TAG])),
  expireTags: writer((cache) => cache.expireTags([TAG])),
  'tagged set': writer((cache, version) => cache.set(KEY, { version, isSet: true }, { tags: [TAG] })),
};

/** Things that go wrong beside it. */
export const DISTURBANCES: Readonly<Record<string, Act>> = {
  'the tag hash is evicted': async (world, _cache, client) => {
    await client.park(() => world.send(world.tagsKey, ['UNLINK', world.tagsKey]));
  },
  'another tag is invalidated': async (_world, cache) => {
    await cache.invalidateTags(['another']);
  },
  'the lease runs out': async (world, _cache, client) => {
    const past = '0000000000001';
    const script =
      "if redis.call('EXISTS', KEYS[1]) == 1 and string.byte(redis.call('GETRANGE', KEYS[1], 0, 0)) == 1 then redis.call('SETRANGE', KEYS[1], 17, ARGV[1]) end return 1";
    const key = `${world.prefix}${KEY}`;
    await client.park(() => world.send(key, ['EVAL', script, '1', key, past]));
  },
};

/** How the item is at the beginning. */
export const BEGINNINGS: Readonly<Record<string, (world: World, tags: readonly string[]) => Promise<void>>> = {
  empty: async () => {},
  fresh: async (world, tags) => fillDirectly(world, tags),
  stale: async (world, tags) => {
    await fillDirectly(world, tags);
    await world.direct.expireItem(KEY);
  },
  'dead by tag': async (world) => {
    await fillDirectly(world, [TAG]);
    await world.direct.invalidateTags([TAG]);
  },
};

async function fillDirectly(world: World, tags: readonly string[]): Promise<void> {
  const entry = await world.direct.getOrLease(KEY);
  if (entry.state !== 'missing' || entry.lease === undefined) throw new Error('The beginning is not empty.');
  await world.direct.fill(entry.lease, { version: world.version }, { tags, staleInSeconds: 60 });
}

/** Reads, loads, sets: what most applications do. It must be found out. */
export const naiveReader: Act = async (world, cache, client) => {
  if ((await cache.get(KEY)) !== undefined) return;
  const version = await client.park(() => world.version);
  await cache.set(KEY, { version });
};

/** Reads the stamp when it stores, and not before it loads. It must be found out. */
export const lateStampReader: Act = async (world, cache, client) => {
  const entry = await cache.getOrLease(KEY);
  if (entry.state !== 'missing' || entry.lease === undefined) return;
  const version = await client.park(() => world.version);
  const stamp = await client.park(() => world.send(world.tagsKey, ['HGET', world.tagsKey, '#']));
  const token = `${entry.lease.token.slice(0, 16)}.${String(stamp)}`;
  await cache.fill({ key: KEY, token }, { version }, { tags: [TAG] });
};
