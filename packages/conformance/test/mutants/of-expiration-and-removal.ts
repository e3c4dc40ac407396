import { setImmediate as tick } from 'node:timers/promises';
import { CacheValueError, type Expiration, type SetOptions } from '@cache/core';
import type { MapCache } from '../map-cache.ts';
import type { Mutant, World } from './mutant.ts';

type Write = MapCache['write'];
type PrepareWrite = MapCache['prepareWrite'];

/** Writes whatever lifetime is given, without asking whether it is one. */
function uncheckedWrite(
  cache: MapCache,
  lifetime: (options: Expiration | SetOptions | undefined) => Expiration,
): PrepareWrite {
  return (operation, key, value, options) => () =>
    cache.write(cache.resolve(key, operation), cache.serialize(operation, key, value), lifetime(options), {});
}

const asGiven = (options: Expiration | SetOptions | undefined): Expiration =>
  (typeof options === 'object' && options !== null ? options.expirationInSeconds : options) ?? 300;

function namespacesMatching(
  world: World,
  cache: MapCache,
  matches: (own: string, other: string) => boolean,
): MapCache['clear'] {
  const own = [...world.stores].find(([, store]) => store === cache.store)?.[0] ?? '';
  return () => {
    for (const [other, store] of world.stores) if (other === own || matches(own, other)) store.slots.clear();
  };
}

const likePattern = (own: string, other: string): boolean =>
  new RegExp(`^${own.replaceAll('_', '.').replaceAll('%', '.*')}$`, 's').test(other);
const globPattern = (own: string, other: string): boolean => {
  try {
    return new RegExp(`^${own.replaceAll('*', '.*').replaceAll('?', '.')}$`, 's').test(other);
  } catch {
    return false;
  }
};

export const mutantsOfExpirationAndRemoval: readonly Mutant[] = [
  {
    mistake: 'takes anything for a lifetime',
    groups: ['expiration', 'hooks'],
    patch: (cache) => ({ prepareWrite: uncheckedWrite(cache, asGiven) }),
  },
  {
    mistake: 'takes whole seconds only',
    groups: ['expiration'],
    patch: (cache) => ({
      prepareWrite: uncheckedWrite(cache, (options) => {
        const lifetime = asGiven(options);
        if (lifetime !== null && !Number.isInteger(lifetime)) throw new CacheValueError('Whole seconds only.');
        return lifetime;
      }),
    }),
  },
  ...[60, 3600].map(
    (seconds): Mutant => ({
      mistake: `keeps items for ${seconds} seconds by default`,
      groups: ['expiration', 'batches', 'counters'],
      patch: (_, intact) => ({
        write: (key, payload, expiration, rest) =>
          intact.write(key, payload, expiration === 300 ? seconds : expiration, rest),
      }),
    }),
  ),
  ...[Math.floor, Math.ceil].map(
    (round): Mutant => ({
      mistake: `rounds lifetimes by Math.${round.name}`,
      groups: ['expiration'],
      patch: (_, intact) => ({
        write: (key, payload, expiration, rest) =>
          intact.write(key, payload, expiration === null ? null : round(expiration), rest),
      }),
    }),
  ),
  {
    mistake: 'keeps the first lifetime of a key, even an expired one',
    groups: ['expiration', 'batches'],
    patch: (cache, intact) => ({
      write: ((key, payload, expiration, rest) => {
        const before = cache.store.slots.get(key)?.freshUntil;
        intact.write(key, payload, expiration, rest);
        const slot = cache.store.slots.get(key);
        if (slot !== undefined && before !== undefined) slot.freshUntil = before;
      }) satisfies Write,
    }),
  },
  {
    mistake: 'shows expired items',
    groups: ['expiration', 'counters', 'atomic calls', 'cleanup', 'leases'],
    patch: (cache) => ({
      fresh: (key) => {
        const slot = cache.store.slots.get(key);
        return typeof slot?.payload === 'string' && cache.areFresh(slot.tags, slot.stamp) ? slot : undefined;
      },
    }),
  },

  {
    mistake: 'answers null for nothing',
    groups: ['removal'],
    patch: (_, intact) => ({ get: (key) => intact.get(key) ?? null }),
  },
  {
    mistake: 'says that every removal removed something',
    groups: ['removal', 'hooks', 'tags', 'leases', 'stale copies'],
    patch: (_, intact) => ({ removeItem: (key) => intact.removeItem(key) || true }),
  },
  {
    mistake: 'looks before it removes, in two steps',
    groups: ['removal'],
    patch: (_, intact) => ({
      removeItem: async (key: string) => {
        const isThere = intact.exists(key);
        await tick();
        intact.removeItem(key);
        return isThere;
      },
    }),
  },
  {
    mistake: 'takes falsy values for nothing',
    groups: ['removal', 'atomic calls'],
    patch: (cache, intact) => ({
      fresh: (key) => {
        const slot = intact.fresh(key);
        return cache.read(slot) ? slot : undefined;
      },
    }),
  },
  {
    mistake: 'clears a thousand items at most',
    groups: ['removal'],
    patch: (cache) => ({
      clear: () => {
        for (const key of [...cache.store.slots.keys()].slice(0, 1000)) cache.store.slots.delete(key);
      },
    }),
  },
  {
    mistake: 'leaves what is no plain item when it clears',
    groups: ['removal'],
    patch: (cache) => ({
      clear: () => {
        for (const [key, { tags }] of cache.store.slots) if (tags.length === 0) cache.store.slots.delete(key);
      },
    }),
  },
  ...[likePattern, globPattern, (own: string, other: string) => other.startsWith(own)].map(
    (matches): Mutant => ({
      mistake: `clears by ${matches.name || 'a prefix without an end'}`,
      groups: ['removal'],
      patch: (cache, _, world) => ({ clear: namespacesMatching(world, cache, matches) }),
    }),
  ),
  {
    mistake: 'clears everybody’s items',
    groups: ['removal', 'fences'],
    patch: (cache, _, world) => ({ clear: namespacesMatching(world, cache, () => true) }),
  },
  {
    mistake: 'does not look at signals',
    groups: ['removal', 'iteration'],
    patch: (_, intact) => ({
      clear: () => intact.clear(),
      clearPrefix: (prefix) => intact.clearPrefix(prefix),
      keys: (prefix) => intact.keys(prefix),
    }),
  },
  {
    mistake: 'keeps a store of its own where others should see what it stores',
    groups: ['shared store'],
    patch: () => ({ store: { slots: new Map(), tags: new Map(), expiredTags: new Map(), sequence: 0 } }),
  },
];
