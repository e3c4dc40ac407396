import { between, equal, refused, show } from '../assertions.ts';
import type { RuleGroup } from '../rule.ts';

const MAX = Number.MAX_SAFE_INTEGER;
const NO_AMOUNTS: readonly unknown[] = [1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, '1', null, 1n, {}];
const NO_COUNTERS: readonly NonNullable<unknown>[] = [
  '5',
  'text',
  '',
  1.5,
  true,
  { a: 1 },
  [1],
  MAX + 1,
  2 ** 60,
  1e21,
  -(2 ** 53),
];

export const counterRules: RuleGroup = {
  title: 'counters',
  rules: [
    {
      name: 'counts from 0, by 1 unless told otherwise, up and down',
      needs: ['atomic'],
      check: async (context) => {
        const cache = await context.create();
        equal(await cache.increment('a'), 1, 'the first increment');
        equal(await cache.increment('a', 41), 42, 'an increment by 41');
        equal(await cache.increment('a', -2), 40, 'an increment by -2');
        equal(await cache.increment('a', 0), 40, 'an increment by 0');
        equal(await cache.decrement('a'), 39, 'a decrement');
        equal(await cache.decrement('a', 40), -1, 'a decrement by 40');
        equal(await cache.decrement('b', 5), -5, 'a decrement of a new counter');
        equal(await cache.decrement('b', -6), 1, 'a decrement by -6');
      },
    },
    {
      name: 'shows a counter to get as the number it is',
      needs: ['atomic'],
      check: async (context) => {
        const cache = await context.create();
        await cache.increment('a', 3);
        equal(await cache.get('a'), 3, 'get');
        equal(await cache.exists('a'), true, 'exists');
        if (context.has('batch')) equal(await cache.mget(['a']), [3], 'mget');
        if (context.has('inspection')) equal((await cache.inspect('a'))?.value, 3, 'inspect');
        equal(await cache.removeItem('a'), true, 'removeItem');
        equal(await cache.increment('a'), 1, 'the increment after it was removed');
      },
    },
    {
      name: 'loses no increment, however many come at once',
      needs: ['atomic'],
      check: async (context) => {
        const cache = await context.create();
        const sums = await Promise.all(Array.from({ length: 100 }, () => cache.increment('a')));
        equal(
          sums.sort((left, right) => left - right),
          Array.from({ length: 100 }, (_, index) => index + 1),
        );
        await Promise.all(
          Array.from({ length: 50 }, (_, index) => (index % 2 ? cache.increment('a', 3) : cache.decrement('a'))),
        );
        equal(await cache.get('a'), 150, 'the counter in the end');
      },
    },
    {
      name: 'applies a lifetime only when it creates the counter, 300 seconds unless told otherwise',
      needs: ['atomic'],
      check: async (context) => {
        const cache = await context.create();
        await cache.increment('a', 1, { expirationInSeconds: 1000 });
        await cache.increment('a', 1, { expirationInSeconds: 5 });
        await cache.decrement('a', 1, { expirationInSeconds: null });
        await cache.increment('a');
        between(await cache.getTtl('a'), 970, 1000 + context.resolutionInSeconds, 'the seconds left');
        await cache.increment('endless', 1, { expirationInSeconds: null });
        await cache.increment('endless', 1, { expirationInSeconds: 5 });
        equal(await cache.getTtl('endless'), null, 'the seconds left of a counter that was created with null');
        await cache.increment('bare', 1, 1000);
        await cache.increment('bare', 1, 5);
        between(
          await cache.getTtl('bare'),
          970,
          1000 + context.resolutionInSeconds,
          'the seconds left of a bare lifetime',
        );
        await cache.decrement('bare endless', 1, null);
        equal(await cache.getTtl('bare endless'), null, 'the seconds left of a bare null');
        await cache.increment('up');
        await cache.decrement('down');
        for (const key of ['up', 'down']) {
          between(await cache.getTtl(key), 270, 300 + context.resolutionInSeconds, 'the seconds left by default');
        }
      },
    },
    {
      name: 'starts anew when the counter has expired',
      needs: ['atomic'],
      waits: true,
      check: async (context) => {
        const cache = await context.create();
        await cache.increment('a', 5, { expirationInSeconds: context.shortLifetimeInSeconds });
        await context.outlive();
        equal(await cache.get('a'), undefined, 'the expired counter');
        equal(await cache.increment('a', 2, { expirationInSeconds: 1000 }), 2, 'the increment afterwards');
        between(await cache.getTtl('a'), 970, 1000 + context.resolutionInSeconds, 'the seconds left');
      },
    },
    {
      name: 'counts on from an integer that was stored, and keeps its lifetime',
      needs: ['atomic'],
      check: async (context) => {
        const cache = await context.create();
        await cache.set('a', 41, 1000);
        equal(await cache.increment('a', 1, { expirationInSeconds: 5 }), 42);
        between(await cache.getTtl('a'), 970, 1000 + context.resolutionInSeconds, 'the seconds left');
        await cache.set('b', -7, null);
        equal(await cache.decrement('b'), -8);
        equal(await cache.getTtl('b'), null, 'the seconds left of null');
      },
    },
    {
      name: 'refuses to count on what is no safe integer, and leaves it as it is',
      needs: ['atomic'],
      check: async (context) => {
        const cache = await context.create();
        for (const value of NO_COUNTERS) {
          await cache.set('a', value);
          await refused(() => cache.increment('a'), 'ERR_CACHE_VALUE', `increment of ${show(value)}`);
          await refused(() => cache.decrement('a', 2), 'ERR_CACHE_VALUE', `decrement of ${show(value)}`);
          equal(await cache.get('a'), value, 'the value after the refusal');
        }
      },
    },
    {
      name: 'refuses a sum beyond the safe integers, and leaves the counter as it is',
      needs: ['atomic'],
      check: async (context) => {
        const cache = await context.create();
        equal(await cache.increment('a', MAX - 1), MAX - 1, 'the counter');
        equal(await cache.increment('a'), MAX, 'the largest counter');
        await refused(() => cache.increment('a'), 'ERR_CACHE_VALUE', 'an increment beyond it');
        await refused(() => cache.increment('a', MAX), 'ERR_CACHE_VALUE', 'an increment far beyond it');
        equal(await cache.get('a'), MAX, 'the counter after the refusals');
        equal(await cache.decrement('b', MAX), -MAX, 'the smallest counter');
        await refused(() => cache.decrement('b'), 'ERR_CACHE_VALUE', 'a decrement below it');
        equal(await cache.get('b'), -MAX, 'the counter after the refusal');
      },
    },
    {
      name: 'refuses an amount that is no safe integer, and creates nothing',
      needs: ['atomic'],
      check: async (context) => {
        const cache = await context.create();
        for (const amount of NO_AMOUNTS as readonly number[]) {
          await refused(() => cache.increment('a', amount), 'ERR_CACHE_VALUE', `an increment by ${show(amount)}`);
          await refused(() => cache.decrement('a', amount), 'ERR_CACHE_VALUE', `a decrement by ${show(amount)}`);
        }
        equal(await cache.exists('a'), false, 'whether the counter exists');
      },
    },
  ],
};
