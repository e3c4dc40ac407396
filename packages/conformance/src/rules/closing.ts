import type { Expiration, SetOptions } from '@cache/core';
import { ensure, equal, refused } from '../assertions.ts';
import type { CacheCapabilities } from '../conformance-options.ts';
import type { Rule, RuleGroup } from '../rule.ts';
import { listed, type TestedCache } from '../tested-cache.ts';

const LEASE = { key: 'k', token: 'none' };
const LIFETIME: Expiration | SetOptions = 10;

const CALLS: readonly [capability: keyof CacheCapabilities | undefined, call: (cache: TestedCache) => unknown][] = [
  [undefined, (cache) => cache.get('k')],
  [undefined, (cache) => cache.set('k', 'v', LIFETIME)],
  [undefined, (cache) => cache.removeItem('k')],
  [undefined, (cache) => cache.exists('k')],
  [undefined, (cache) => cache.clear()],
  ['batch', (cache) => cache.mget(['k'])],
  ['batch', (cache) => cache.mset([['k', 1]])],
  ['batch', (cache) => cache.removeItems(['k'])],
  ['atomic', (cache) => cache.increment('k')],
  ['atomic', (cache) => cache.decrement('k')],
  ['atomic', (cache) => cache.setWithNx('k', 1)],
  ['atomic', (cache) => cache.getTtl('k')],
  ['atomic', (cache) => cache.removeIfEquals('k', 1)],
  ['atomic', (cache) => cache.setTtlIfEquals('k', 1, 10)],
  ['tags', (cache) => cache.invalidateTags(['t'])],
  ['leases', (cache) => cache.getEntries(['k'])],
  ['leases', (cache) => cache.getOrLease('k')],
  ['leases', (cache) => cache.fill(LEASE, 1)],
  ['tags', (cache) => cache.expireTags(['t'])],
  ['leases', (cache) => cache.renew(LEASE)],
  ['leases', (cache) => cache.release(LEASE)],
  ['leases', (cache) => cache.expireItem('k')],
  ['iteration', (cache) => listed(cache.keys())],
  ['iteration', (cache) => cache.clearPrefix('k')],
  ['inspection', (cache) => cache.inspect('k')],
  ['cleanup', (cache) => cache.cleanupExpired()],
];

const rules: readonly Omit<Rule, 'needs'>[] = [
  {
    name: 'refuses every call after close, and may be closed twice',
    check: async (context) => {
      const cache = await context.create();
      await cache.set('k', 'v');
      await cache.close();
      await cache.close();
      for (const [capability, call] of CALLS) {
        if (capability !== undefined && !context.has(capability)) continue;
        const error = await refused(() => call(cache), 'ERR_CACHE_CLOSED', String(call));
        equal(error.name, 'CacheClosedError', 'the name of the error');
      }
      await cache.close();
    },
  },
  {
    name: 'settles the calls that are under way when it is closed',
    check: async (context) => {
      const cache = await context.create();
      const calls = Array.from({ length: 30 }, (_, index) => (index % 2 ? cache.get('k') : cache.set('k', index)));
      const outcomes = Promise.allSettled(calls);
      await cache.close();
      for (const outcome of await outcomes) {
        if (outcome.status === 'fulfilled') continue;
        await refused(() => Promise.reject(outcome.reason), 'ERR_CACHE_CLOSED', 'a call under way');
      }
    },
  },
  {
    name: 'leaves others in the same store open and their items alone',
    check: async (context) => {
      const [cache, other] = [await context.create(), await context.create()];
      await other.set('k', 'v');
      await cache.close();
      equal(await other.get('k'), 'v', 'the item of another');
      await other.set('k', 'w');
      equal(await other.get('k'), 'w', 'the item of another, stored after the close');
    },
  },
  {
    name: 'is closed by using or await using',
    check: async (context) => {
      const cache = (await context.createBare()) as Partial<Disposable & AsyncDisposable> & {
        get(key: string): unknown;
      };
      const dispose = cache[Symbol.dispose] ?? cache[Symbol.asyncDispose];
      ensure(typeof dispose === 'function', 'the cache should have Symbol.dispose or Symbol.asyncDispose');
      await dispose.call(cache);
      await refused(() => cache.get('k'), 'ERR_CACHE_CLOSED', 'get');
    },
  },
];

export const closingRules: RuleGroup = {
  title: 'closing',
  rules: rules.map((rule) => ({ ...rule, needs: ['closing'] })),
};
