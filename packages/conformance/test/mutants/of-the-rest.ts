import { AsyncResource } from 'node:async_hooks';
import { CacheClosedError } from '@cache/core';
import type { Mutant } from './mutant.ts';

export const mutantsOfTheRest: readonly Mutant[] = [
  {
    mistake: 'lists keys twice',
    groups: ['iteration', 'keys'],
    patch: (_, intact) => ({
      *keys(prefix, options) {
        yield* intact.keys(prefix, options);
        yield* intact.keys(prefix, options);
      },
    }),
  },
  {
    mistake: 'lists a thousand keys at most',
    groups: ['iteration'],
    patch: (_, intact) => ({ keys: (prefix, options) => [...intact.keys(prefix, options)].slice(0, 1000) }),
  },
  {
    mistake: 'takes a prefix for a pattern',
    groups: ['iteration'],
    patch: (_, intact) => ({
      keys: (prefix = '', options) => {
        const pattern = new RegExp(`^${prefix.replaceAll('*', '.*').replaceAll('?', '.').replaceAll('_', '.')}`);
        return [...intact.keys('', options)].filter((key) => pattern.test(key));
      },
    }),
  },
  {
    mistake: 'lists what its neighbours hold',
    groups: ['iteration'],
    patch: (_, intact, world) => ({
      *keys(prefix, options) {
        yield* intact.keys(prefix, options);
        for (const store of world.stores.values()) if (store !== intact.store) yield* store.slots.keys();
      },
    }),
  },
  {
    mistake: 'lists what is stored while it lists, again and again',
    groups: ['iteration'],
    patch: (cache) => ({
      *keys(prefix = '') {
        for (let count = 0; count < 3; count += 1) {
          for (const key of cache.store.slots.keys()) if (key.startsWith(prefix) && cache.fresh(key)) yield key;
        }
      },
    }),
  },
  {
    mistake: 'empties itself when a listing is given up',
    groups: ['iteration'],
    patch: (cache, intact) => ({
      *keys(prefix, options) {
        let isDone = false;
        try {
          yield* intact.keys(prefix, options);
          isDone = true;
        } finally {
          if (!isDone && options === undefined) cache.store.slots.clear();
        }
      },
    }),
  },
  {
    mistake: 'clears a pattern instead of a prefix',
    groups: ['iteration', 'hooks'],
    patch: (cache) => ({
      clearPrefix: (prefix) => {
        const pattern = new RegExp(
          `^${prefix
            .replace(/[\\[^]/g, '\\$&')
            .replaceAll('*', '.*')
            .replaceAll('?', '.')}`,
        );
        for (const key of cache.store.slots.keys()) if (pattern.test(key)) cache.store.slots.delete(key);
      },
    }),
  },
  {
    mistake: 'clears by prefix what it can list, a thousand at most, and not the loads under way',
    groups: ['iteration', 'fences'],
    patch: (cache, intact) => ({
      clearPrefix: (prefix, options) => {
        for (const key of [...intact.keys(prefix, options)].slice(0, 1000)) cache.store.slots.delete(key);
      },
    }),
  },
  {
    mistake: 'shows the end of life in milliseconds, and 0 for never',
    groups: ['inspection'],
    patch: (_, intact) => ({
      inspect: (key) => {
        const item = intact.inspect(key);
        return item === undefined ? undefined : { ...item, expiresAt: (item.expiresAt ?? 0) * 1000 };
      },
    }),
  },
  {
    mistake: 'sweeps live items too',
    groups: ['cleanup'],
    patch: (cache) => ({
      cleanupExpired: () => {
        const count = cache.store.slots.size;
        cache.store.slots.clear();
        return count;
      },
    }),
  },
  {
    mistake: 'sweeps stale copies and leases',
    groups: ['cleanup'],
    patch: (cache) => ({
      cleanupExpired: () => {
        const expired = [...cache.store.slots].filter(([, slot]) => slot.freshUntil <= cache.now());
        for (const [key] of expired) cache.store.slots.delete(key);
        return expired.length;
      },
    }),
  },
  {
    mistake: 'goes on after it was closed',
    groups: ['closing'],
    patch: () => ({ close: () => undefined, [Symbol.dispose]: () => undefined }),
  },
  {
    mistake: 'fails when it is closed twice',
    groups: ['closing'],
    patch: (_, intact) => {
      let isClosed = false;
      return {
        close: () => {
          if (isClosed) throw new CacheClosedError('It is closed.');
          isClosed = true;
          intact.close();
        },
      };
    },
  },
  {
    mistake: 'leaves calls hanging when it is closed',
    groups: ['closing'],
    patch: () => ({ set: () => new Promise(() => undefined) }),
  },
  {
    mistake: 'empties the stores of others when it is closed',
    groups: ['closing', 'shared store'],
    patch: (_, intact, world) => ({
      close: () => {
        for (const store of world.stores.values()) store.slots.clear();
        intact.close();
      },
    }),
  },
  {
    mistake: 'tells hooks nothing',
    groups: ['hooks', 'key transformers'],
    patch: () => ({ tell: () => undefined, call: (_, carryOut) => carryOut()[1] }),
  },
  {
    mistake: 'counts questions as hits and misses',
    groups: ['hooks'],
    patch: (cache, intact) => ({
      exists: (key) => {
        cache.tellRead('exists', key, intact.exists(key));
        return intact.exists(key);
      },
    }),
  },
  {
    mistake: 'tells hooks of a batch as if it were many calls',
    groups: ['hooks'],
    patch: (cache) => ({
      mget: (keys) => keys.map((key) => cache.get(key)),
      mset: (entries, options) => {
        for (const [key, value] of entries) cache.set(key, value, options);
      },
    }),
  },
  {
    mistake: 'tells hooks of calls away from the async context of their callers',
    groups: ['hooks'],
    patch: (_, intact) => {
      const elsewhere = new AsyncResource('cache');
      return {
        tell: (kind, operation, key) => elsewhere.runInAsyncScope(() => intact.tell(kind, operation, key)),
        call: (operation, carryOut) => elsewhere.runInAsyncScope(() => intact.call(operation, carryOut)),
      };
    },
  },
  {
    mistake: 'fails when a hook fails',
    groups: ['hooks'],
    patch: (_, intact) => {
      let count = 0;
      return {
        tell: (kind, operation, key) => {
          intact.tell(kind, operation, key);
          count += 1;
          if (count > 3) throw new Error('a hook that throws');
        },
      };
    },
  },
];
