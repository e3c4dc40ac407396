import { between, equal } from '../assertions.ts';
import type { RuleGroup } from '../rule.ts';

export const atomicRules: RuleGroup = {
  title: 'atomic calls',
  rules: [
    {
      name: 'stores with setWithNx only where there is no live item',
      needs: ['atomic'],
      check: async (context) => {
        const cache = await context.create();
        equal(await cache.setWithNx('a', 'first', 1000), true, 'the first setWithNx');
        equal(await cache.setWithNx('a', 'second', null), false, 'the second setWithNx');
        equal(await cache.get('a'), 'first', 'the value');
        between(await cache.getTtl('a'), 970, 1000 + context.resolutionInSeconds, 'the seconds left');
        await cache.removeItem('a');
        equal(await cache.setWithNx('a', 'third'), true, 'setWithNx after the removal');
        for (const falsy of [0, false, '']) {
          await cache.set('b', falsy);
          equal(await cache.setWithNx('b', 'other'), false, `setWithNx over ${JSON.stringify(falsy)}`);
        }
      },
    },
    {
      name: 'lets exactly one of many concurrent setWithNx win',
      needs: ['atomic'],
      check: async (context) => {
        const cache = await context.create();
        const answers = await Promise.all(Array.from({ length: 50 }, (_, index) => cache.setWithNx('a', { index })));
        equal(answers.filter((isStored) => isStored).length, 1, 'the number of winners');
        equal(await cache.get('a'), { index: answers.indexOf(true) }, 'the value, which is the winner’s');
      },
    },
    {
      name: 'lets exactly one of many concurrent setWithNx win over an expired item',
      needs: ['atomic'],
      waits: true,
      check: async (context) => {
        const cache = await context.create();
        await cache.set('a', 'old', context.shortLifetimeInSeconds);
        await context.outlive();
        const answers = await Promise.all(
          Array.from({ length: 20 }, (_, index) => cache.setWithNx('a', index, { expirationInSeconds: 1000 })),
        );
        equal(answers.filter((isStored) => isStored).length, 1, 'the number of winners');
        equal(await cache.get('a'), answers.indexOf(true), 'the value, which is the winner’s');
        between(await cache.getTtl('a'), 970, 1000 + context.resolutionInSeconds, 'the seconds left');
      },
    },
    {
      name: 'tells the seconds that an item has left, null for never, undefined for none',
      needs: ['atomic'],
      check: async (context) => {
        const cache = await context.create();
        await cache.set('a', 'v', 1000);
        await cache.set('fraction', 'v', 100.5);
        await cache.set('endless', 'v', null);
        between(await cache.getTtl('a'), 970, 1000 + context.resolutionInSeconds, 'the seconds left');
        between(await cache.getTtl('fraction'), 70, 100.5 + context.resolutionInSeconds, 'the seconds left of 100.5');
        equal(await cache.getTtl('endless'), null, 'the seconds left of null');
        equal(await cache.getTtl('none'), undefined, 'the seconds left of nothing');
      },
    },
    {
      name: 'counts the seconds left down',
      needs: ['atomic'],
      waits: true,
      check: async (context) => {
        const cache = await context.create();
        await cache.set('a', 'v', 1000);
        await context.elapse(context.shortLifetimeInSeconds);
        const most = 1000 - context.shortLifetimeInSeconds + context.resolutionInSeconds + 0.01;
        between(await cache.getTtl('a'), 900, most, 'the seconds left');
      },
    },
    {
      name: 'removes an item only if it holds the value given',
      needs: ['atomic'],
      check: async (context) => {
        const cache = await context.create();
        await cache.set('a', 'v');
        equal(await cache.removeIfEquals('a', 'w'), false, 'removeIfEquals with another value');
        equal(await cache.get('a'), 'v', 'the item');
        equal(await cache.removeIfEquals('a', 'v'), true, 'removeIfEquals with its value');
        equal(await cache.exists('a'), false, 'whether the item exists');
        equal(await cache.removeIfEquals('a', 'v'), false, 'removeIfEquals of nothing');
      },
    },
    {
      name: 'compares type and value in removeIfEquals',
      needs: ['atomic'],
      check: async (context) => {
        const cache = await context.create();
        const pairs: [NonNullable<unknown>, NonNullable<unknown>][] = [
          [1, '1'],
          ['1', 1],
          [true, 'true'],
          [0, false],
          ['', 0],
          ['a', 'A'],
          ['a', 'a '],
          [[1], 1],
          ['\u0000', ''],
        ];
        for (const [stored, given] of pairs) {
          await cache.set('a', stored);
          equal(await cache.removeIfEquals('a', given), false, `removeIfEquals of ${JSON.stringify([stored, given])}`);
          equal(await cache.removeIfEquals('a', stored), true, `removeIfEquals of ${JSON.stringify([stored, stored])}`);
        }
        const object = { list: [1, { a: 'b' }], zero: -0, text: 'a\u0000b' };
        await cache.set('a', object);
        equal(await cache.removeIfEquals('a', object), true, 'removeIfEquals of an object');
      },
    },
    {
      name: 'lets exactly one of many concurrent removeIfEquals win',
      needs: ['atomic'],
      check: async (context) => {
        const cache = await context.create();
        await cache.set('a', 'v');
        const answers = await Promise.all(Array.from({ length: 20 }, () => cache.removeIfEquals('a', 'v')));
        equal(answers.filter((isRemoved) => isRemoved).length, 1, 'the number of winners');
      },
    },
    {
      name: 'gives an item another lifetime with setTtlIfEquals only if it holds the value given',
      needs: ['atomic'],
      check: async (context) => {
        const cache = await context.create();
        await cache.set('a', 'v', 10);
        equal(await cache.setTtlIfEquals('a', 'w', 1000), false, 'setTtlIfEquals with another value');
        between(await cache.getTtl('a'), 0, 10 + context.resolutionInSeconds, 'the seconds left after it');
        equal(await cache.setTtlIfEquals('a', 'v', 1000), true, 'setTtlIfEquals with its value');
        between(await cache.getTtl('a'), 970, 1000 + context.resolutionInSeconds, 'the seconds left after that');
        equal(await cache.get('a'), 'v', 'the item');
        equal(await cache.setTtlIfEquals('a', 'v', null), true, 'setTtlIfEquals with null');
        equal(await cache.getTtl('a'), null, 'the seconds left of null');
        equal(await cache.setTtlIfEquals('a', 'v', 100), true, 'setTtlIfEquals of an item that never expires');
        between(await cache.getTtl('a'), 70, 100 + context.resolutionInSeconds, 'the seconds left in the end');
        equal(await cache.setTtlIfEquals('none', 'v', 1000), false, 'setTtlIfEquals of nothing');
        equal(await cache.exists('none'), false, 'whether it made one');
        await cache.increment('n', 5, { expirationInSeconds: 10 });
        equal(await cache.setTtlIfEquals('n', 5, 1000), true, 'setTtlIfEquals of a counter');
        equal(await cache.increment('n'), 6, 'the counter');
        between(await cache.getTtl('n'), 970, 1000 + context.resolutionInSeconds, 'the seconds left of the counter');
      },
    },
    {
      name: 'counts the lifetime of setTtlIfEquals from the call on, longer or shorter',
      needs: ['atomic'],
      waits: true,
      check: async (context) => {
        const cache = await context.create();
        const short = context.shortLifetimeInSeconds;
        const tags = context.has('tags') ? { tags: ['t'] } : {};
        await cache.set('longer', 'v', short);
        await cache.set('tagged', 'v', { expirationInSeconds: short, ...tags });
        await cache.set('shorter', 'v', 1000);
        await cache.set('endless', 'v', { expirationInSeconds: null, ...tags });
        for (const key of ['longer', 'tagged']) {
          equal(await cache.setTtlIfEquals(key, 'v', 1000), true, `setTtlIfEquals of "${key}"`);
        }
        for (const key of ['shorter', 'endless']) {
          equal(await cache.setTtlIfEquals(key, 'v', short), true, `setTtlIfEquals of "${key}"`);
        }
        await context.outlive();
        equal(await cache.get('longer'), 'v', 'the item whose lifetime was lengthened');
        equal(await cache.get('tagged'), 'v', 'the item with tags whose lifetime was lengthened');
        equal(await cache.get('shorter'), undefined, 'the item whose lifetime was shortened');
        equal(await cache.get('endless'), undefined, 'the item that had none');
        if (!context.has('tags')) return;
        await cache.invalidateTags(['t']);
        equal(await cache.get('tagged'), undefined, 'the item after its tag was invalidated');
      },
    },
    {
      name: 'compares before setTtlIfEquals in one step',
      needs: ['atomic'],
      check: async (context) => {
        const cache = await context.create();
        await cache.set('a', 'mine', 10);
        const [isLonger] = await Promise.all([cache.setTtlIfEquals('a', 'mine', 1000), cache.set('a', 'theirs', 10)]);
        between(await cache.getTtl('a'), 0, 10 + context.resolutionInSeconds, `the seconds left after ${isLonger}`);
        equal(await cache.get('a'), 'theirs', 'the value');
      },
    },
  ],
};
