import { between, equal } from '../assertions.ts';
import type { RuleGroup } from '../rule.ts';
import { leased } from './leased.ts';

export const cleanupRules: RuleGroup = {
  title: 'cleanup',
  rules: [
    {
      name: 'sweeps expired items, says how many, and leaves live ones alone',
      needs: ['cleanup'],
      waits: true,
      check: async (context) => {
        const cache = await context.create();
        equal(await cache.cleanupExpired(), 0, 'the number swept from an empty cache');
        for (let index = 0; index < 25; index += 1)
          await cache.set(`old${index}`, index, context.shortLifetimeInSeconds);
        await cache.set('live', 1);
        await cache.set('endless', 2, null);
        await context.outlive();
        const progress: number[] = [];
        const count = await cache.cleanupExpired({ batchSize: 10, onProgress: (removed) => progress.push(removed) });
        between(count, 0, 25, 'the number swept');
        equal(progress.at(-1) ?? count, count, 'the last progress');
        equal(
          progress,
          [...progress].sort((left, right) => left - right),
          'the progress in order',
        );
        equal(await cache.cleanupExpired(), 0, 'the number swept the second time');
        equal(await cache.get('live'), 1, 'a live item');
        equal(await cache.get('endless'), 2, 'an item that never expires');
        equal(await cache.get('old0'), undefined, 'an expired item');
      },
    },
    {
      name: 'leaves stale copies and leases to those who need them',
      needs: ['cleanup', 'leases'],
      waits: true,
      check: async (context) => {
        const cache = await context.create();
        await cache.fill(await leased(cache, 'stale'), 'old', {
          expirationInSeconds: context.shortLifetimeInSeconds,
          staleInSeconds: 600,
        });
        const lease = await leased(cache, 'loading', 'missing', { leaseInSeconds: 600 });
        await context.outlive();
        await cache.cleanupExpired();
        await leased(cache, 'stale', 'stale');
        equal(await cache.fill(lease, 'v'), true, 'the fill under a lease that was granted before');
      },
    },
  ],
};
