import { isCacheItemValid } from '@cache/core';
import { between, equal } from '../assertions.ts';
import type { RuleGroup } from '../rule.ts';

/** How far the clocks of this computer and of the backend may differ here: only the order of magnitude is tested. */
const CLOCK_TOLERANCE_IN_SECONDS = 60;

export const inspectionRules: RuleGroup = {
  title: 'inspection',
  rules: [
    {
      name: 'shows an item with the Unix time at which it expires',
      needs: ['inspection'],
      check: async (context) => {
        const cache = await context.create();
        await cache.set('a', { list: [1] }, 3600);
        const item = await cache.inspect('a');
        equal(item?.value, { list: [1] }, 'the value');
        const expected = Date.now() / 1000 + 3600;
        const [low, high] = [expected - CLOCK_TOLERANCE_IN_SECONDS, expected + CLOCK_TOLERANCE_IN_SECONDS];
        between(item?.expiresAt, low, high, 'the time at which it expires');
        equal(isCacheItemValid(item), true, 'whether the item is valid');
      },
    },
    {
      name: 'shows null for an item that never expires, and undefined for none',
      needs: ['inspection'],
      check: async (context) => {
        const cache = await context.create();
        await cache.set('a', 0, null);
        equal(await cache.inspect('a'), { value: 0, expiresAt: null }, 'the item');
        equal(await cache.inspect('none'), undefined, 'the item that is none');
        await cache.removeItem('a');
        equal(await cache.inspect('a'), undefined, 'the removed item');
      },
    },
  ],
};
