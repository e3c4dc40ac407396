import { between, ensure, equal, refused, show } from '../assertions.ts';
import type { RuleGroup } from '../rule.ts';

const MANY = 10_000;

/** Some have a length, or can be iterated, which is why a cache may take them for lists. */
const NO_KEY_LISTS: readonly unknown[] = ['a', 5, null, undefined, {}, new Set(['a'])];

const NO_ENTRIES: readonly unknown[] = [
  { b: 1 },
  5,
  null,
  undefined,
  'b1',
  [['b', 1], 'a1'],
  [['b', 1], { key: 'a', value: 1 }],
  [['b', 1], null],
];

export const batchRules: RuleGroup = {
  title: 'batches',
  rules: [
    {
      name: 'answers values in the order of the keys, with undefined where there is none',
      needs: ['batch'],
      check: async (context) => {
        const cache = await context.create();
        await cache.set('a', 1);
        await cache.set('b', 'two');
        equal(await cache.mget(['none', 'b', 'a', 'nothing']), [undefined, 'two', 1, undefined]);
      },
    },
    {
      name: 'answers a key as often as it is asked',
      needs: ['batch'],
      check: async (context) => {
        const cache = await context.create();
        await cache.set('a', { list: [1] });
        equal(await cache.mget(['a', 'none', 'a', 'none', 'a']), [
          { list: [1] },
          undefined,
          { list: [1] },
          undefined,
          { list: [1] },
        ]);
      },
    },
    {
      name: 'stores entries from any iterable, the last of a duplicate winning',
      needs: ['batch'],
      check: async (context) => {
        const cache = await context.create();
        await cache.mset(new Map([['a', 1]]));
        await cache.mset(
          (function* () {
            yield ['b', 1] as const;
            yield ['c', 1] as const;
            yield ['b', 2] as const;
            yield ['b', 3] as const;
          })(),
        );
        equal(await cache.mget(['a', 'b', 'c']), [1, 3, 1]);
      },
    },
    {
      name: 'does nothing for an empty batch',
      needs: ['batch'],
      check: async (context) => {
        const cache = await context.create();
        await cache.set('a', 1);
        equal(await cache.mget([]), [], 'mget');
        equal(await cache.mset([]), undefined, 'mset');
        equal(await cache.removeItems([]), 0, 'removeItems');
        equal(await cache.get('a'), 1, 'the item');
      },
    },
    {
      name: 'counts the live items that removeItems removed, each once',
      needs: ['batch'],
      check: async (context) => {
        const cache = await context.create();
        await cache.mset([
          ['a', 1],
          ['b', 2],
          ['c', 3],
        ]);
        equal(await cache.removeItems(['a', 'none', 'b', 'a']), 2, 'the number removed');
        equal(await cache.mget(['a', 'b', 'c']), [undefined, undefined, 3]);
        equal(await cache.removeItems(['a', 'b']), 0, 'the number removed again');
      },
    },
    {
      name: 'reports one bad value among a hundred by its key and path, and writes nothing',
      needs: ['batch'],
      check: async (context) => {
        const cache = await context.create();
        await cache.set('k0', 'before');
        const bad = context.options.values === undefined || context.options.values === 'json';
        const entries = Array.from({ length: 100 }, (_, index): [string, NonNullable<unknown>] => [`k${index}`, index]);
        entries[57] = ['k57', (bad ? { a: Number.NaN } : null) as NonNullable<unknown>];
        const error = await refused(() => cache.mset(entries), 'ERR_CACHE_VALUE', 'mset with a bad value');
        equal(error.key, 'k57', 'the key in the error');
        if (bad) equal(error.path, '$.a', 'the path in the error');
        const found = await cache.mget(entries.map(([key]) => key));
        equal(found[0], 'before', 'what was there before');
        ensure(
          found.slice(1).every((value) => value === undefined),
          'nothing of the batch should be written',
        );
      },
    },
    {
      name: 'refuses a list of keys that is no array, and entries that are no pairs, by name, and does nothing',
      needs: ['batch'],
      check: async (context) => {
        const cache = await context.create();
        await cache.set('a', 'kept');
        const calls = ['mget', 'removeItems', ...(context.has('leases') ? (['getEntries'] as const) : [])] as const;
        for (const call of calls) {
          for (const keys of NO_KEY_LISTS) {
            await refused(() => cache[call](keys as string[]), 'ERR_CACHE_OPTION', `${call}(${show(keys)})`);
          }
        }
        for (const entries of NO_ENTRIES) {
          const call = () => cache.mset(entries as [string, string][]);
          await refused(call, 'ERR_CACHE_OPTION', `mset(${show(entries)})`);
        }
        equal(await cache.mget(['a', 'b']), ['kept', undefined], 'the items afterwards');
      },
    },
    {
      name: 'stores a batch with one lifetime',
      needs: ['batch', 'atomic'],
      check: async (context) => {
        const cache = await context.create();
        await cache.mset([['bare', 1]], 1000);
        await cache.mset([['options', 1]], { expirationInSeconds: 1000 });
        await cache.mset([['default', 1]]);
        await cache.mset([['endless', 1]], null);
        const limit = 1000 + context.resolutionInSeconds;
        between(await cache.getTtl('bare'), 970, limit, 'the seconds left of a bare lifetime');
        between(await cache.getTtl('options'), 970, limit, 'the seconds left of a lifetime in options');
        between(await cache.getTtl('default'), 270, 300 + context.resolutionInSeconds, 'the seconds left by default');
        equal(await cache.getTtl('endless'), null, 'the seconds left of null');
      },
    },
    {
      name: 'replaces values and lifetimes that were there',
      needs: ['batch', 'atomic'],
      check: async (context) => {
        const cache = await context.create();
        await cache.set('a', 'old', null);
        await cache.set('b', 'old', 5);
        await cache.mset(
          [
            ['a', 'new'],
            ['b', 'new'],
          ],
          1000,
        );
        equal(await cache.mget(['a', 'b']), ['new', 'new']);
        for (const key of ['a', 'b']) {
          between(await cache.getTtl(key), 970, 1000 + context.resolutionInSeconds, `the seconds left of ${key}`);
        }
      },
    },
    {
      name: 'carries ten thousand keys',
      needs: ['batch'],
      check: async (context) => {
        const cache = await context.create();
        const keys = Array.from({ length: MANY }, (_, index) => `key ${index}`);
        await cache.mset(keys.map((key, index) => [key, { index }] as const));
        const found = await cache.mget(keys);
        equal(found.length, MANY, 'the number of answers');
        for (const [index, value] of found.entries()) equal(value, { index }, `the value of ${keys[index]}`);
        equal(await cache.removeItems(keys), MANY, 'the number removed');
        equal(await cache.mget(keys.slice(0, 3)), [undefined, undefined, undefined], 'what is left');
      },
    },
    {
      name: 'carries many batches of the same keys at once',
      needs: ['batch'],
      check: async (context) => {
        const cache = await context.create();
        const keys = Array.from({ length: 200 }, (_, index) => `k${index}`);
        const writers = Array.from({ length: 12 }, (_, writer) => {
          const order = writer % 2 === 0 ? keys : [...keys].reverse();
          return cache.mset(order.map((key) => [key, writer] as const));
        });
        const removers = Array.from({ length: 4 }, (_, offset) => cache.removeItems(keys.slice(offset * 10)));
        await Promise.all([...writers, ...removers]);
        await cache.mset(keys.map((key) => [key, 'last'] as const));
        equal(
          await cache.mget(keys),
          keys.map(() => 'last'),
        );
      },
    },
  ],
};
