import { prefixKeys, sha256Keys } from '@cache/core';
import { equal, refused } from '../assertions.ts';
import type { Rule, RuleGroup } from '../rule.ts';
import { listed } from '../tested-cache.ts';
import { leased } from './leased.ts';
import { RecordedEvents } from './recorded-events.ts';

const LONG_KEY = 'https://example.org/?'.padEnd(5_000, 'query ');

const rules: readonly Rule[] = [
  {
    name: 'stores under the transformed key in every call',
    check: async (context) => {
      const cache = await context.create({ keyTransformer: prefixKeys('p:') });
      await cache.set('a', 1);
      equal(await cache.get('a'), 1, 'get');
      equal(await cache.exists('a'), true, 'exists');
      equal(await cache.get('p:a'), undefined, 'get of the key as it is stored');
      if (context.has('batch')) {
        await cache.mset([['b', 2]]);
        equal(await cache.mget(['a', 'p:a', 'b']), [1, undefined, 2], 'mget');
        equal(await cache.removeItems(['b', 'p:a']), 1, 'removeItems');
      }
      if (context.has('atomic')) {
        equal(await cache.increment('a'), 2, 'increment');
        equal(await cache.setWithNx('a', 9), false, 'setWithNx');
        equal(typeof (await cache.getTtl('a')), 'number', 'the type of getTtl');
        equal(await cache.setTtlIfEquals('a', 2, 1000), true, 'setTtlIfEquals');
        equal(await cache.removeIfEquals('a', 2), true, 'removeIfEquals');
        await cache.set('a', 1);
      }
      if (context.has('leases')) {
        const lease = await leased(cache, 'loaded');
        equal(await cache.fill(lease, 3), true, 'fill');
        equal(await cache.get('loaded'), 3, 'the filled value');
        equal(await cache.expireItem('loaded'), true, 'expireItem');
        await cache.release(await leased(cache, 'loaded'));
        await cache.release(await leased(cache, 'loaded'));
      }
      if (context.has('inspection')) equal((await cache.inspect('a'))?.value, 1, 'inspect');
      if (context.has('iteration')) equal(await listed(cache.keys()), ['p:a'], 'the keys, which are those stored');
      equal(await cache.removeItem('a'), true, 'removeItem');
    },
  },
  {
    name: 'takes long keys that a transformer shortens, and no other bad ones',
    check: async (context) => {
      const cache = await context.create({ keyTransformer: sha256Keys() });
      await cache.set(LONG_KEY, 1);
      await cache.set(`${LONG_KEY}!`, 2);
      equal(await cache.get(LONG_KEY), 1, 'the value of a long key');
      equal(await cache.get(`${LONG_KEY}!`), 2, 'the value of another');
      for (const key of ['', 'a\0b', '\ud800', 5 as never]) {
        await refused(() => cache.get(key), 'ERR_CACHE_KEY', `get(${JSON.stringify(key)})`);
      }
    },
  },
  {
    name: 'refuses what a transformer makes no key of',
    check: async (context) => {
      for (const transformed of ['', 'a\0b', 'x'.repeat(1025), undefined as never]) {
        const cache = await context.create({ keyTransformer: () => transformed });
        await refused(() => cache.set('k', 1), 'ERR_CACHE_KEY', `a transformer to ${JSON.stringify(transformed)}`);
      }
    },
  },
  {
    name: 'tells hooks the key as the application gave it',
    needs: ['hooks'],
    check: async (context) => {
      const events = new RecordedEvents();
      const cache = await context.create({ keyTransformer: sha256Keys(), hooks: events });
      await cache.set('k', 1);
      await cache.get('k');
      await cache.removeItem('k');
      if (context.has('batch')) await cache.mget(['k']);
      const expected = [
        'set set k',
        'hit get k',
        'remove removeItem k',
        ...(context.has('batch') ? ['miss mget k'] : []),
      ];
      equal(events.keyEvents(), expected);
    },
  },
];

export const keyTransformerRules: RuleGroup = {
  title: 'key transformers',
  rules: rules.map((rule) => ({ ...rule, needs: ['keyTransformers', ...(rule.needs ?? [])] })),
};
