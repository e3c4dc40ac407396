import { ABSENT } from '@cache/core';
import { ensure, equal } from '../assertions.ts';
import type { Rule, RuleGroup } from '../rule.ts';
import { listed, type TestedCache } from '../tested-cache.ts';
import { leased, notLeased } from './leased.ts';

const rules: readonly Omit<Rule, 'needs'>[] = [
  {
    name: 'gives a stale copy with the lease to the first who asks, and without it to all others',
    waits: true,
    check: async (context) => {
      const cache = await context.create();
      const tags = context.has('tags') ? { tags: ['t'] } : {};
      await cache.fill(await leased(cache, 'k'), 'old', {
        expirationInSeconds: context.shortLifetimeInSeconds,
        staleInSeconds: 600,
        ...tags,
      });
      await context.outlive();
      equal(await cache.get('k'), undefined, 'get');
      const first = await cache.getOrLease('k');
      ensure(first.state === 'stale' && first.lease !== undefined, 'the first should get the stale copy and the lease');
      equal(first.value, 'old', 'the stale value');
      equal(first.tags, tags.tags ?? [], 'its tags');
      const second = await cache.getOrLease('k');
      ensure(second.state === 'stale' && second.lease === undefined, 'the second should get the stale copy alone');
      equal(second.value, 'old', 'the stale value of the second');
      equal(await cache.fill(first.lease, 'new'), true, 'fill');
      equal(await cache.get('k'), 'new', 'the value');
    },
  },
  {
    name: 'makes an item stale at once with expireItem, and removes one that has no stale window',
    check: async (context) => {
      const cache = await context.create();
      await withStaleWindow(cache, 'window');
      await cache.fill(await leased(cache, 'none'), 'old');
      await cache.set('set', 'old');
      await cache.set('endless', 'old', null);
      for (const key of ['window', 'none', 'set', 'endless']) {
        equal(await cache.expireItem(key), true, `expireItem("${key}")`);
        equal(await cache.expireItem(key), false, `expireItem("${key}") again`);
        equal(await cache.get(key), undefined, `get("${key}")`);
      }
      equal(await cache.expireItem('never stored'), false, 'expireItem of nothing');
      await leased(cache, 'window', 'stale');
      for (const key of ['none', 'set', 'endless']) await leased(cache, key, 'missing');
    },
  },
  {
    name: 'shows a stale copy to no call but getOrLease and getEntries',
    check: async (context) => {
      const cache = await context.create();
      for (const key of ['a', 'b', 'c', 'd', 'e', 'f']) {
        await withStaleWindow(cache, key);
        await cache.expireItem(key);
      }
      equal(await cache.get('a'), undefined, 'get');
      equal(await cache.exists('a'), false, 'exists');
      if (context.has('iteration')) equal(await listed(cache.keys()), [], 'the keys');
      if (context.has('inspection')) equal(await cache.inspect('a'), undefined, 'inspect');
      if (context.has('batch')) {
        equal(await cache.mget(['a', 'b']), [undefined, undefined], 'mget');
        equal(await cache.removeItems(['c']), 0, 'removeItems');
      }
      if (context.has('atomic')) {
        equal(await cache.getTtl('a'), undefined, 'getTtl');
        equal(await cache.removeIfEquals('a', 'old'), false, 'removeIfEquals');
        equal(await cache.setTtlIfEquals('a', 'old', 1000), false, 'setTtlIfEquals');
        equal(await cache.setWithNx('d', 'new'), true, 'setWithNx');
        equal(await cache.increment('e', 7), 7, 'increment');
        equal(await cache.get('d'), 'new', 'the value stored over it');
      }
      const [entry] = await cache.getEntries(['a']);
      equal(entry?.state === 'stale' && entry.value, 'old', 'the stale value in getEntries');
      equal(await cache.removeItem('f'), false, 'removeItem');
    },
  },
  {
    name: 'never serves as stale what was removed, cleared or replaced',
    check: async (context) => {
      const cache = await context.create();
      for (const isExpired of [false, true]) {
        for (const remove of [() => cache.removeItem('k'), () => cache.clear()]) {
          await withStaleWindow(cache, 'k');
          if (isExpired) await cache.expireItem('k');
          await remove();
          await cache.release(await leased(cache, 'k'));
        }
        await withStaleWindow(cache, 'k');
        if (isExpired) await cache.expireItem('k');
        await cache.set('k', 'new');
        await cache.expireItem('k');
        await cache.release(await leased(cache, 'k'));
      }
    },
  },
  {
    name: 'ends the load under way with expireItem, and keeps the stale copy',
    check: async (context) => {
      const cache = await context.create();
      await withStaleWindow(cache, 'k');
      await cache.expireItem('k');
      const lease = await leased(cache, 'k', 'stale');
      equal(await cache.expireItem('k'), false, 'expireItem of a stale copy');
      equal(await cache.fill(lease, 'late'), false, 'the late fill');
      await leased(cache, 'k', 'stale');
    },
  },
  {
    name: 'keeps the stale copy when a load fails and hands its lease back',
    check: async (context) => {
      const cache = await context.create();
      await withStaleWindow(cache, 'k');
      await cache.expireItem('k');
      await cache.release(await leased(cache, 'k', 'stale'));
      const lease = await leased(cache, 'k', 'stale');
      await notLeased(cache, 'k', 'stale');
      equal(await cache.fill(lease, ABSENT), true, 'the fill with ABSENT');
      await notLeased(cache, 'k', 'absent');
    },
  },
  {
    name: 'keeps the length of a stale window in setTtlIfEquals',
    waits: true,
    check: async (context) => {
      if (!context.has('atomic')) return;
      const cache = await context.create();
      await withStaleWindow(cache, 'k');
      equal(await cache.setTtlIfEquals('k', 'old', context.shortLifetimeInSeconds), true, 'setTtlIfEquals');
      equal(await cache.get('k'), 'old', 'the value while it is fresh');
      await context.outlive();
      equal(await cache.get('k'), undefined, 'the value afterwards');
      const entry = await cache.getOrLease('k');
      equal(entry.state === 'stale' && entry.value, 'old', 'the stale value');
    },
  },
  {
    name: 'drops a stale copy when its stale window has passed',
    waits: true,
    check: async (context) => {
      const cache = await context.create();
      const short = context.shortLifetimeInSeconds;
      await cache.fill(await leased(cache, 'k'), 'old', { expirationInSeconds: short, staleInSeconds: short });
      await context.outlive();
      await context.outlive();
      await leased(cache, 'k', 'missing');
    },
  },
  {
    name: 'takes no stale copy that expired longer ago than the caller wants',
    waits: true,
    check: async (context) => {
      const cache = await context.create();
      const short = context.shortLifetimeInSeconds;
      await cache.fill(await leased(cache, 'k'), 'old', { expirationInSeconds: short, staleInSeconds: 600 });
      await context.outlive();
      await context.elapse(short);
      await cache.release(await leased(cache, 'k', 'stale', { staleInSeconds: 500 }));
      await leased(cache, 'k', 'missing', { staleInSeconds: short / 2 });
    },
  },
];

async function withStaleWindow(cache: TestedCache, key: string): Promise<void> {
  equal(await cache.fill(await leased(cache, key), 'old', { staleInSeconds: 600 }), true, `fill of "${key}"`);
}

export const staleCopyRules: RuleGroup = {
  title: 'stale copies',
  rules: rules.map((rule) => ({ ...rule, needs: ['leases'] })),
};
