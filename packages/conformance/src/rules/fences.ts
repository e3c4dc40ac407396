import { setImmediate } from 'node:timers/promises';
import { ABSENT, type CacheEntry, type Lease } from '@cache/core';
import { ensure, equal } from '../assertions.ts';
import type { CacheCapabilities } from '../conformance-options.ts';
import type { Rule, RuleGroup } from '../rule.ts';
import type { TestedCache } from '../tested-cache.ts';
import { leased, leaseOf, notLeased } from './leased.ts';

interface Fence {
  readonly name: string;
  readonly needs?: readonly (keyof CacheCapabilities)[];
  readonly carryOut: (cache: TestedCache, key: string) => Promise<unknown>;
  /** What `get` answers afterwards, whether or not a value was there before. */
  readonly leaves: unknown;
}

/** Everything that ends the loads of a key which began before it. */
const FENCES: readonly Fence[] = [
  { name: 'removeItem', carryOut: (cache, key) => cache.removeItem(key), leaves: undefined },
  { name: 'expireItem', carryOut: (cache, key) => cache.expireItem(key), leaves: undefined },
  { name: 'clear', carryOut: (cache) => cache.clear(), leaves: undefined },
  { name: 'clearPrefix', needs: ['iteration'], carryOut: (cache) => cache.clearPrefix('k'), leaves: undefined },
  { name: 'set', carryOut: (cache, key) => cache.set(key, 'newer'), leaves: 'newer' },
  {
    name: 'set with tags',
    needs: ['tags'],
    carryOut: (cache, key) => cache.set(key, 'newer', { tags: ['other'] }),
    leaves: 'newer',
  },
  { name: 'invalidateTags', needs: ['tags'], carryOut: (cache) => cache.invalidateTags(['u', 't']), leaves: undefined },
  { name: 'expireTags', needs: ['tags'], carryOut: (cache) => cache.expireTags(['u', 't']), leaves: undefined },
  {
    name: 'removeItems',
    needs: ['batch'],
    carryOut: (cache, key) => cache.removeItems(['another', key]),
    leaves: undefined,
  },
  {
    name: 'mset',
    needs: ['batch'],
    carryOut: (cache, key) =>
      cache.mset([
        ['another', 1],
        [key, 'newer'],
      ]),
    leaves: 'newer',
  },
  { name: 'setWithNx', needs: ['atomic'], carryOut: (cache, key) => cache.setWithNx(key, 'newer'), leaves: 'newer' },
  { name: 'increment', needs: ['atomic'], carryOut: (cache, key) => cache.increment(key, 5), leaves: 5 },
  { name: 'decrement', needs: ['atomic'], carryOut: (cache, key) => cache.decrement(key, 5), leaves: -5 },
];

/** What may stand behind the key while it is loaded. */
const BEGINNINGS: readonly { readonly name: string; readonly prepare: (cache: TestedCache) => Promise<Lease> }[] = [
  { name: 'of a missing key', prepare: (cache) => leased(cache, 'k') },
  {
    name: 'of a stale key',
    prepare: async (cache) => {
      await cache.fill(await leased(cache, 'k'), 'stale', { staleInSeconds: 600 });
      await cache.expireItem('k');
      return leased(cache, 'k', 'stale');
    },
  },
];

export const fenceRules: RuleGroup = {
  title: 'fences',
  rules: [
    ...FENCES.flatMap((fence) => BEGINNINGS.map((beginning) => fenceRule(fence, beginning))),
    {
      name: 'drops a late "there is no value" as it drops a late value',
      needs: ['leases'],
      check: async (context) => {
        const cache = await context.create();
        const lease = await leased(cache, 'k');
        await cache.set('k', 'newer');
        equal(await cache.fill(lease, ABSENT), false, 'the late fill');
        equal(await cache.get('k'), 'newer', 'the value');
      },
    },
    {
      name: 'lets the next load in after an invalidation, and keeps the former out',
      needs: ['leases'],
      check: async (context) => {
        const cache = await context.create();
        for (const invalidate of [() => cache.removeItem('k'), () => cache.clear(), () => cache.expireItem('k')]) {
          const former = await leased(cache, 'k');
          await invalidate();
          const next = await leased(cache, 'k');
          equal(await cache.fill(former, 'old'), false, 'the former fill');
          equal(await cache.fill(next, 'new'), true, 'the next fill');
          equal(await cache.get('k'), 'new', 'the value');
          equal(await cache.fill(former, 'old'), false, 'the former fill, again');
          equal(await cache.get('k'), 'new', 'the value after it');
          await cache.removeItem('k');
        }
      },
    },
    {
      name: 'lets a load through that no invalidation concerned',
      needs: ['leases'],
      check: async (context) => {
        const cache = await context.create();
        const neighbour = await context.create();
        const lease = await leased(cache, 'k');
        await cache.removeItem('other');
        await cache.set('another', 1);
        await cache.expireItem('other');
        await neighbour.removeItem('k');
        await neighbour.clear();
        if (context.has('tags')) await cache.invalidateTags(['unrelated']);
        if (context.has('tags')) await neighbour.invalidateTags(['t']);
        equal(await cache.fill(lease, 'v', context.has('tags') ? { tags: ['t'] } : {}), true, 'the fill');
        equal(await cache.get('k'), 'v', 'the value');
      },
    },
    {
      name: 'invalidates a filled value by its tags, stale copy and all',
      needs: ['leases', 'tags'],
      check: async (context) => {
        const cache = await context.create();
        for (const isExpired of [false, true]) {
          await cache.fill(await leased(cache, 'k'), 'v', { tags: ['t', 'u'], staleInSeconds: 600 });
          equal(await cache.get('k'), 'v', 'the value');
          if (isExpired) await cache.expireItem('k');
          await cache.invalidateTags(['t']);
          equal(await cache.get('k'), undefined, 'the value after its tag was invalidated');
          const lease = await leased(cache, 'k');
          equal(await cache.fill(lease, 'again', { tags: ['t'] }), true, 'the fill after the invalidation');
          equal(await cache.get('k'), 'again', 'the value that was filled after the invalidation');
          await cache.removeItem('k');
        }
      },
    },
    {
      name: 'keeps the stale copy of a filled value whose tags expire, until they are invalidated',
      needs: ['leases', 'tags'],
      check: async (context) => {
        const cache = await context.create();
        await cache.fill(await leased(cache, 'window'), 'old', { tags: ['t'], staleInSeconds: 600 });
        await cache.fill(await leased(cache, 'none'), 'old', { tags: ['t'] });
        await cache.fill(await leased(cache, 'absent'), ABSENT, { tags: ['t'], staleInSeconds: 600 });
        await cache.expireTags(['t']);
        for (const key of ['window', 'none', 'absent']) equal(await cache.get(key), undefined, `get("${key}")`);
        const entry = await cache.getOrLease('window');
        equal(entry.state === 'stale' && entry.value, 'old', 'the stale value');
        const lease = leaseOf(entry);
        ensure(lease !== undefined, 'the lease should be granted with the stale copy');
        await leased(cache, 'none');
        await leased(cache, 'absent');
        equal(await cache.fill(lease, 'new', { tags: ['t'], staleInSeconds: 600 }), true, 'the fill');
        equal(await cache.get('window'), 'new', 'the value after the fill');
        await cache.expireTags(['t']);
        await cache.invalidateTags(['t']);
        await leased(cache, 'window');
      },
    },
    {
      name: 'invalidates a remembered absence by its tags',
      needs: ['leases', 'tags'],
      check: async (context) => {
        const cache = await context.create();
        await cache.fill(await leased(cache, 'k'), ABSENT, { tags: ['t'] });
        await notLeased(cache, 'k', 'absent');
        await cache.invalidateTags(['t']);
        await leased(cache, 'k');
      },
    },
    {
      name: 'serves nothing older than an acknowledged invalidation, whatever the order of many loads',
      needs: ['leases'],
      check: async (context) => {
        const cache = await context.create();
        let version = 0;
        let acknowledged = 0;
        const reader = async (pace: number) => {
          for (let round = 0; round < 25; round += 1) {
            const oldestAllowed = acknowledged;
            const entry = await cache.getOrLease('k');
            ensureNotOlder(entry, oldestAllowed);
            const lease = leaseOf(entry);
            if (lease === undefined) continue;
            const loaded = version;
            await ticks((round * pace) % 4);
            await cache.fill(lease, { version: loaded });
          }
        };
        const writer = async () => {
          for (let round = 0; round < 25; round += 1) {
            version += 1;
            const written = version;
            if (round % 5 === 4) await cache.clear();
            else if (round % 2 === 1) await cache.expireItem('k');
            else await cache.removeItem('k');
            acknowledged = Math.max(acknowledged, written);
            await ticks(round % 3);
          }
        };
        await Promise.all([reader(1), reader(2), writer(), reader(3), reader(5)]);
      },
    },
  ],
};

/** Lets everybody else go on so many times. */
async function ticks(count: number): Promise<void> {
  for (let tick = 0; tick < count; tick += 1) await setImmediate();
}

function ensureNotOlder(entry: CacheEntry<unknown>, oldestAllowed: number): void {
  if (entry.state !== 'fresh') return;
  const { version } = entry.value as { version: number };
  ensure(version >= oldestAllowed, `version ${version} was served after ${oldestAllowed} was acknowledged`);
}

function fenceRule(fence: Fence, beginning: (typeof BEGINNINGS)[number]): Rule {
  return {
    name: `drops a load ${beginning.name} that ${fence.name} overtook`,
    needs: ['leases', ...(fence.needs ?? [])],
    check: async (context) => {
      const cache = await context.create();
      const options = context.has('tags') ? { tags: ['t'] } : {};
      const lease = await beginning.prepare(cache);
      await fence.carryOut(cache, 'k');
      equal(await cache.get('k'), fence.leaves, `get after ${fence.name}`);
      equal(await cache.fill(lease, 'old', options), false, 'the late fill');
      equal(await cache.get('k'), fence.leaves, 'get after the late fill');
      const { state } = await cache.getOrLease('k');
      ensure(state !== 'fresh' || fence.leaves !== undefined, 'the late value should not be served');
    },
  };
}
