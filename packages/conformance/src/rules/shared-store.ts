import { equal } from '../assertions.ts';
import type { Rule, RuleGroup } from '../rule.ts';
import { leased, leaseOf, notLeased } from './leased.ts';

const rules: readonly Rule[] = [
  {
    name: 'shows what one cache of a namespace stores and removes to the others',
    check: async (context) => {
      const namespace = context.newNamespace();
      const [one, two] = [await context.create({ namespace }), await context.create({ namespace })];
      await one.set('k', { from: 'one' });
      equal(await two.get('k'), { from: 'one' }, 'the value stored by the other');
      equal(await two.removeItem('k'), true, 'its removal');
      equal(await one.get('k'), undefined, 'the value after the other removed it');
      await two.set('k', 'again');
      await one.clear();
      equal(await two.exists('k'), false, 'exists after the other cleared');
    },
  },
  {
    name: 'loses no increment of several caches',
    needs: ['atomic'],
    check: async (context) => {
      const namespace = context.newNamespace();
      const caches = await Promise.all(Array.from({ length: 4 }, () => context.create({ namespace })));
      await Promise.all(caches.flatMap((cache) => Array.from({ length: 25 }, () => cache.increment('n'))));
      for (const cache of caches) equal(await cache.get('n'), 100, 'the counter');
      const answers = await Promise.all(caches.map((cache) => cache.setWithNx('once', 1)));
      equal(answers.filter((isStored) => isStored).length, 1, 'the number of winners of setWithNx');
    },
  },
  {
    name: 'invalidates tags for all caches of the namespace',
    needs: ['tags'],
    check: async (context) => {
      const namespace = context.newNamespace();
      const [one, two] = [await context.create({ namespace }), await context.create({ namespace })];
      for (let round = 0; round < 5; round += 1) {
        await one.set('k', round, { tags: ['t'] });
        equal(await two.get('k'), round, 'the value stored by the other');
        await two.invalidateTags(['t']);
        equal(await one.get('k'), undefined, 'the value after the other invalidated its tag');
      }
    },
  },
  {
    name: 'grants one lease a key among all caches of the namespace, and fences its fill off by any of them',
    needs: ['leases'],
    check: async (context) => {
      const namespace = context.newNamespace();
      const caches = await Promise.all(Array.from({ length: 4 }, () => context.create({ namespace })));
      const asked = await Promise.all(
        caches.flatMap((cache) => Array.from({ length: 5 }, () => cache.getOrLease('k'))),
      );
      equal(asked.filter((entry) => leaseOf(entry) !== undefined).length, 1, 'the number of leases');
      const [one, two] = [await context.create({ namespace }), await context.create({ namespace })];
      const lease = await leased(one, 'other');
      await notLeased(two, 'other', 'missing');
      await two.removeItem('other');
      equal(await one.fill(lease, 'late'), false, 'the fill that the other fenced off');
      equal(await two.fill(await leased(two, 'other'), 'v'), true, 'the fill of the other');
      equal(await one.get('other'), 'v', 'the value');
    },
  },
  {
    name: 'keeps the items when one of several caches is closed',
    needs: ['closing'],
    check: async (context) => {
      const namespace = context.newNamespace();
      const [one, two] = [await context.create({ namespace }), await context.create({ namespace })];
      await one.set('k', 'v');
      await one.close();
      equal(await two.get('k'), 'v', 'the value');
    },
  },
];

export const sharedStoreRules: RuleGroup = {
  title: 'shared store',
  rules: rules.map((rule) => ({ ...rule, needs: ['shared', ...(rule.needs ?? [])] })),
};
