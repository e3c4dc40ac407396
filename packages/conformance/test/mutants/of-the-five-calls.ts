import { setImmediate as tick } from 'node:timers/promises';
import { CacheValueError, type Expiration, jsonSerializer, type SetOptions } from '@cache/core';
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

export const mutantsOfTheFiveCalls: readonly Mutant[] = [
  { mistake: 'does not declare what it has', groups: ['declaration'], options: { capabilities: { batch: true } } },
  {
    mistake: 'declares what it has not',
    groups: ['declaration'],
    patch: () => ({ mset: undefined as never }),
  },
  {
    mistake: 'takes anything for a key',
    groups: ['keys', 'key transformers', 'batches'],
    patch: () => ({ resolve: (key) => String(key) }),
  },
  {
    mistake: 'throws synchronously although it answers promises',
    groups: ['keys'],
    patch: (_, intact) => ({
      get: (key) => {
        intact.resolve(key, 'get');
        return Promise.resolve(intact.get(key));
      },
    }),
  },
  {
    mistake: 'names no operation in its errors',
    groups: ['keys', 'expiration', 'tags'],
    patch: () => ({ context: () => ({ backend: 'map' }) }),
  },
  ...[
    (key: string) => key.trim(),
    (key: string) => key.toLowerCase(),
    (key: string) => key.normalize('NFC'),
    (key: string) => key.slice(0, 1000),
    (key: string) => encodeURIComponent(key).replaceAll('%', ''),
  ].map(
    (fold): Mutant => ({
      mistake: `takes keys for one another by ${fold}`,
      groups: ['keys'],
      patch: (_, intact) => ({ resolve: (key, operation) => fold(intact.resolve(key, operation)) }),
    }),
  ),
  {
    mistake: 'looks keys up in a plain object',
    groups: ['keys'],
    patch: (_, intact) => ({ exists: (key) => key in {} || intact.exists(key) }),
  },
  {
    mistake: 'uses the key as it is in batches and counters although there is a transformer',
    groups: ['key transformers'],
    patch: (_, intact) => ({
      resolve: (key, operation) => (operation === 'mget' ? key : intact.resolve(key, operation)),
    }),
  },
  {
    mistake: 'does not check what a transformer makes of a key',
    groups: ['key transformers'],
    patch: (cache) => {
      const transform = cache.resolve.bind(cache);
      return {
        resolve: (key, operation) => {
          try {
            return transform(key, operation);
          } catch (error) {
            if (key === 'k') return 'whatever';
            throw error;
          }
        },
      };
    },
  },
  {
    mistake: 'limits a key before it is shortened',
    groups: ['key transformers'],
    patch: (_, intact) => ({ resolve: (key, operation) => intact.resolve(key.slice(0, 1024), operation) }),
  },
  {
    mistake: 'tells hooks the stored key',
    groups: ['key transformers'],
    patch: (_, intact) => ({
      tell: (kind, operation, key) => intact.tell(kind, operation, intact.resolve(key, operation)),
    }),
  },

  {
    mistake: 'parses strings that look like JSON',
    groups: ['values'],
    patch: (_, intact) => ({
      read: (slot) => {
        const value = intact.read(slot);
        try {
          return typeof value === 'string' ? JSON.parse(value) : value;
        } catch {
          return value;
        }
      },
    }),
  },
  {
    mistake: 'loses -0, NaN, dates and maps, as JSON.stringify does',
    groups: ['values', 'batches'],
    patch: () => ({
      serializer: jsonSerializer({ lossy: 'allow' }),
      serialize: (_, __, value) => JSON.stringify(value) ?? 'null',
    }),
  },
  {
    mistake: 'replaces lone surrogates, as UTF-8 does',
    groups: ['values'],
    patch: (_, intact) => ({
      read: (slot) => {
        const value = intact.read(slot);
        return typeof value === 'string' ? value.toWellFormed() : value;
      },
    }),
  },
  {
    mistake: 'copies objects by assignment, so that __proto__ sets a prototype',
    groups: ['values'],
    patch: (_, intact) => ({
      read: (slot) => {
        const value = intact.read(slot);
        return typeof value === 'object' && !Array.isArray(value) ? Object.assign({}, value) : value;
      },
    }),
  },
  {
    mistake: 'gives out the stored object itself',
    groups: ['values'],
    patch: (_, intact) => {
      const values = new Map<string, unknown>();
      return {
        serialize: (operation, key, value) => {
          const payload = intact.serialize(operation, key, value);
          values.set(payload, value);
          return payload;
        },
        read: (slot) => (typeof slot?.payload === 'string' ? values.get(slot.payload) : undefined),
      };
    },
  },
  { mistake: 'claims to keep references and keeps JSON', groups: ['values'], options: { values: 'references' } },
  {
    mistake: 'claims exactness and keeps whatever JSON makes of a value',
    groups: ['values'],
    options: { values: 'exact' },
    patch: () => ({ serialize: (_, __, value) => JSON.stringify(value) ?? '"function"' }),
  },
  {
    mistake: 'refuses without saying where',
    groups: ['values'],
    patch: (cache, intact) => ({
      serialize: (operation, key, value) => {
        try {
          return intact.serialize(operation, key, value);
        } catch {
          throw new CacheValueError('No.', { ...cache.context(operation), key });
        }
      },
    }),
  },
  {
    mistake: 'quotes the value in its errors',
    groups: ['values'],
    patch: (cache, intact) => ({
      serialize: (operation, key, value) => {
        try {
          return intact.serialize(operation, key, value);
        } catch (error) {
          const { path } = error as CacheValueError;
          const quoted = typeof value === 'object' ? Object.values(value ?? {}).join() : String(value);
          throw new CacheValueError(`Cannot store ${quoted}`, { ...cache.context(operation), key, path: path ?? '$' });
        }
      },
    }),
  },
  {
    mistake: 'drops everything when it refuses a value',
    groups: ['values'],
    patch: (cache, intact) => ({
      serialize: (operation, key, value) => {
        try {
          return intact.serialize(operation, key, value);
        } catch (error) {
          cache.store.slots.clear();
          throw error;
        }
      },
    }),
  },
  {
    mistake: 'takes values of any size',
    groups: ['values'],
    patch: (cache) => ({ serialize: (_, __, value) => cache.serializer.serialize(value) }),
  },
  {
    mistake: 'stores null',
    groups: ['values', 'hooks'],
    patch: (_, intact) => ({
      serialize: (operation, key, value) =>
        value === null || value === undefined ? 'null' : intact.serialize(operation, key, value),
    }),
  },

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
