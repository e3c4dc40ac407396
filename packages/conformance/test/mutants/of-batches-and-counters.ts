import { setImmediate as tick } from 'node:timers/promises';
import { CacheValueError, type CounterOptions, type Expiration, entryListOf } from '@cache/core';
import type { Mutant } from './mutant.ts';

const MANY = 5_000;

export const mutantsOfBatches: readonly Mutant[] = [
  {
    mistake: 'answers in the order of storing',
    groups: ['batches', 'keys', 'values'],
    patch: (cache, intact) => ({
      mget: (keys) => intact.mget([...cache.store.slots.keys()].filter((key) => keys.includes(key))),
    }),
  },
  {
    mistake: 'answers a duplicate once',
    groups: ['batches'],
    patch: (_, intact) => ({ mget: (keys) => intact.mget([...new Set(keys)]) }),
  },
  {
    mistake: 'lets the first of a duplicate win',
    groups: ['batches'],
    patch: (_, intact) => ({ mset: (entries, options) => intact.mset([...entries].reverse(), options) }),
  },
  {
    mistake: 'fails on an empty batch',
    groups: ['batches'],
    patch: (_, intact) => ({
      mget: (keys) => {
        if (keys.length === 0) throw new Error('wrong number of arguments');
        return intact.mget(keys);
      },
    }),
  },
  {
    mistake: 'counts what it was asked to remove',
    groups: ['batches', 'expiration', 'tags', 'leases', 'stale copies'],
    patch: (_, intact) => ({
      removeItems: (keys) => {
        intact.removeItems(keys);
        return keys.length;
      },
    }),
  },
  {
    mistake: 'writes a batch item by item, whatever comes',
    groups: ['batches', 'keys'],
    patch: (cache) => ({
      mset: (entries, options) => {
        for (const [key, value] of entries) cache.prepareWrite('mset', key, value, options)();
      },
    }),
  },
  {
    mistake: 'does not say which key of a batch is bad',
    groups: ['batches'],
    patch: (_, intact) => ({
      mset: (entries, options) => {
        try {
          intact.mset(entries, options);
        } catch (error) {
          throw error instanceof CacheValueError
            ? new CacheValueError(error.message, { path: error.path ?? '$' })
            : error;
        }
      },
    }),
  },
  {
    mistake: 'reads a string in place of keys letter by letter',
    groups: ['batches'],
    patch: (_, intact) => ({ mget: (keys) => intact.mget(typeof keys === 'string' ? [...keys] : keys) }),
  },
  {
    mistake: 'removes nothing, and says so, when it is not given an array',
    groups: ['batches'],
    patch: (_, intact) => ({ removeItems: (keys) => (Array.isArray(keys) ? intact.removeItems(keys) : 0) }),
  },
  {
    mistake: 'takes any two letters for a pair',
    groups: ['batches'],
    patch: (_, intact) => ({
      mset: (entries, options) =>
        intact.mset(
          Array.from(entries, ([key, value]) => [key, value]),
          options,
        ),
    }),
  },
  {
    mistake: 'stores what stands before an entry that is no pair',
    groups: ['batches'],
    patch: (_, intact) => ({
      mset: (entries, options) => {
        const list = entryListOf(Array.isArray(entries) ? entries.slice(0, 1) : entries);
        intact.mset(list, options);
        intact.mset(entries, options);
      },
    }),
  },
  {
    mistake: 'forgets the options of a batch',
    groups: ['batches', 'tags'],
    patch: (_, intact) => ({ mset: (entries) => intact.mset(entries) }),
  },
  {
    mistake: 'stores a batch only where there is nothing',
    groups: ['batches'],
    patch: (cache, intact) => ({
      mset: (entries, options) =>
        intact.mset(
          [...entries].filter(([key]) => cache.fresh(key) === undefined),
          options,
        ),
    }),
  },
  {
    mistake: 'carries five thousand keys at most',
    groups: ['batches'],
    patch: (_, intact) => ({ mget: (keys) => intact.mget(keys.slice(0, MANY)) }),
  },
  {
    mistake: 'fails when batches of the same keys meet',
    groups: ['batches'],
    patch: (_, intact) => {
      let writers = 0;
      return {
        mset: async (...args: Parameters<typeof intact.mset>) => {
          if (writers > 0) throw new Error('deadlock detected');
          writers += 1;
          await tick();
          intact.mset(...args);
          writers -= 1;
        },
      };
    },
  },
];

export const mutantsOfAtomicCalls: readonly Mutant[] = [
  {
    mistake: 'counts in two steps',
    groups: ['counters', 'shared store'],
    patch: (_, intact) => ({
      increment: async (key: string, amount = 1, options?: Expiration | CounterOptions) => {
        const before = (intact.get(key) as number | undefined) ?? 0;
        await tick();
        intact.set(key, before + amount, options);
        return before + amount;
      },
    }),
  },
  {
    mistake: 'applies the lifetime on each increment',
    groups: ['counters'],
    patch: (cache, intact) => ({
      add: (operation, key, amount, options) => {
        const sum = intact.add(operation, key, amount, options);
        const lifetime = typeof options === 'object' ? options?.expirationInSeconds : options;
        if (lifetime !== undefined) cache.write(cache.resolve(key, operation), `${sum}`, lifetime, {});
        return sum;
      },
    }),
  },
  {
    mistake: 'makes counters that never expire',
    groups: ['counters'],
    patch: (_, intact) => ({
      increment: (key, amount, options) => intact.increment(key, amount, options ?? null),
    }),
  },
  {
    mistake: 'knows the lifetime of a counter only in options',
    groups: ['counters'],
    patch: (_, intact) => ({
      increment: (key, amount, options) =>
        intact.increment(key, amount, typeof options === 'object' ? options : undefined),
    }),
  },
  {
    mistake: 'adds where it should subtract',
    groups: ['counters'],
    patch: (_, intact) => ({ decrement: (key, amount, options) => intact.increment(key, amount, options) }),
  },
  {
    mistake: 'keeps counters as strings',
    groups: ['counters'],
    patch: (_, intact) => ({
      get: (key) => {
        const value = intact.get(key);
        return typeof value === 'number' ? String(value) : value;
      },
    }),
  },
  {
    mistake: 'counts on strings and fractions, beyond the safe integers, by any amount',
    groups: ['counters'],
    patch: (cache) => ({
      add: (operation, key, amount) => {
        const stored = cache.resolve(key, operation);
        const sum =
          Number(cache.read(cache.fresh(stored)) ?? 0) + (operation === 'increment' ? 1 : -1) * Number(amount);
        cache.write(stored, `${sum}`, 300, {});
        return sum;
      },
    }),
  },
  {
    mistake: 'lets setWithNx overwrite',
    groups: ['atomic calls', 'hooks'],
    patch: (_, intact) => ({
      setWithNx: (key, value, options) => {
        intact.set(key, value, options);
        return true;
      },
    }),
  },
  {
    mistake: 'looks before it stores with setWithNx, in two steps',
    groups: ['atomic calls', 'shared store'],
    patch: (_, intact) => ({
      setWithNx: async (...[key, value, options]: Parameters<typeof intact.setWithNx>) => {
        const isThere = intact.exists(key);
        await tick();
        if (!isThere) intact.set(key, value, options);
        return !isThere;
      },
    }),
  },
  {
    mistake: 'does not tell "never" from "not found"',
    groups: ['atomic calls', 'counters', 'batches'],
    patch: (_, intact) => ({ getTtl: (key) => intact.getTtl(key) ?? undefined }),
  },
  {
    mistake: 'tells the lifetime instead of what is left of it',
    groups: ['atomic calls'],
    patch: (cache, intact) => ({
      getTtl: (key) => {
        const slot = cache.fresh(key);
        const left = intact.getTtl(key);
        return slot === undefined || typeof left !== 'number' ? left : slot.freshUntil - slot.storedAt;
      },
    }),
  },
  {
    mistake: 'removes whatever is there in removeIfEquals',
    groups: ['atomic calls'],
    patch: (_, intact) => ({ removeIfEquals: (key) => intact.removeItem(key) }),
  },
  {
    mistake: 'compares as text in removeIfEquals',
    groups: ['atomic calls'],
    patch: (_, intact) => ({
      removeIfEquals: (key, value) => String(intact.get(key)) === String(value) && intact.removeItem(key),
    }),
  },
  {
    mistake: 'compares before it removes, in two steps',
    groups: ['atomic calls'],
    patch: (_, intact) => ({
      removeIfEquals: async (key: string, value: unknown) => {
        const isEqual = intact.get(key) === value;
        await tick();
        if (isEqual) intact.removeItem(key);
        return isEqual;
      },
    }),
  },
  {
    mistake: 'lengthens whatever is there in setTtlIfEquals',
    groups: ['atomic calls'],
    patch: (cache, intact) => ({
      setTtlIfEquals: (key, _, expirationInSeconds) =>
        intact.setTtlIfEquals(key, cache.read(cache.fresh(key)), expirationInSeconds),
    }),
  },
  {
    mistake: 'says that it lengthened, and does not',
    groups: ['atomic calls'],
    patch: (_, intact) => ({ setTtlIfEquals: (key, value) => intact.get(key) === value }),
  },
  {
    mistake: 'makes an item in setTtlIfEquals',
    groups: ['atomic calls'],
    patch: (_, intact) => ({
      setTtlIfEquals: (key, value, expirationInSeconds) => {
        if (!intact.exists(key)) intact.set(key, value, expirationInSeconds);
        return intact.setTtlIfEquals(key, value, expirationInSeconds);
      },
    }),
  },
  {
    mistake: 'stores the value again in setTtlIfEquals, without tags',
    groups: ['atomic calls', 'stale copies'],
    patch: (_, intact) => ({
      setTtlIfEquals: (key, value, expirationInSeconds) => {
        const isEqual = intact.get(key) === value;
        if (isEqual) intact.set(key, value, expirationInSeconds);
        return isEqual;
      },
    }),
  },
  {
    mistake: 'compares before setTtlIfEquals, in two steps',
    groups: ['atomic calls'],
    patch: (_, intact) => ({
      setTtlIfEquals: async (key: string, value: unknown, expirationInSeconds: Expiration) => {
        const isEqual = intact.get(key) === value;
        await tick();
        return isEqual && intact.setTtlIfEquals(key, intact.get(key), expirationInSeconds);
      },
    }),
  },
  {
    mistake: 'takes any number for the lifetime of setTtlIfEquals',
    groups: ['expiration'],
    patch: (cache) => ({
      setTtlIfEquals: (key) => cache.fresh(cache.resolve(key, 'setTtlIfEquals')) !== undefined,
    }),
  },
];
