import { ABSENT } from '@cache/core';
import { ensure, equal, refused, show } from '../assertions.ts';
import type { Rule, RuleGroup } from '../rule.ts';
import { listed } from '../tested-cache.ts';
import { leased } from './leased.ts';

const MANY = 3_000;

const PREFIXED_KEYS: readonly string[] = [
  'user:1',
  'user:2',
  'user*3',
  'user_4',
  'user%5',
  'us',
  'USER:6',
  '[ab]c',
  'ac',
  '?x',
  'xx',
  'a\\b',
  '^a',
  '*',
  '__proto__',
  'é1',
  'e\u03011',
];

const PREFIXES: readonly string[] = [
  'user',
  'user:',
  'user*',
  'user_',
  'user%',
  'u',
  '*',
  '?',
  '[ab]',
  '%',
  '_',
  'a\\',
  'a',
  '^',
  '.',
  '__proto__',
  'é',
  'none',
  'user:1',
];

const rules: readonly Omit<Rule, 'needs'>[] = [
  {
    name: 'lists every key it holds once',
    check: async (context) => {
      const cache = await context.create();
      equal(await listed(cache.keys()), [], 'the keys of an empty cache');
      const keys = Array.from({ length: MANY }, (_, index) => `key ${index}`);
      await context.storeMany(cache, keys, 'v');
      const found = await listed(cache.keys());
      equal(found.length, MANY, 'the number of keys');
      equal(new Set(found).size, MANY, 'the number of distinct keys');
      equal(await listed(cache.keys('')), found, 'the keys with an empty prefix');
    },
  },
  {
    name: 'lists the keys that begin with a prefix, which is no pattern',
    check: async (context) => {
      const cache = await context.create();
      for (const key of PREFIXED_KEYS) await cache.set(key, 'v');
      for (const prefix of PREFIXES) {
        const expected = PREFIXED_KEYS.filter((key) => key.startsWith(prefix)).sort();
        equal(await listed(cache.keys(prefix)), expected, `the keys with the prefix ${JSON.stringify(prefix)}`);
      }
    },
  },
  {
    name: 'lists nothing of its neighbours',
    check: async (context) => {
      const start = context.newNamespace();
      const cache = await context.create({ namespace: `${start}a_b` });
      const neighbours = ['axb', 'a_b-c', 'a_bc', 'a'].map((name) => context.create({ namespace: `${start}${name}` }));
      for (const neighbour of await Promise.all(neighbours)) await neighbour.set('k', 'v');
      await cache.set('own', 'v');
      equal(await listed(cache.keys()), ['own']);
    },
  },
  {
    name: 'lets a listing be given up half-way',
    check: async (context) => {
      const cache = await context.create();
      for (let index = 0; index < 50; index += 1) await cache.set(`k${index}`, index);
      for await (const key of cache.keys()) {
        ensure(key.startsWith('k'), `"${key}" was never stored`);
        break;
      }
      equal((await listed(cache.keys())).length, 50, 'the number of keys in the next listing');
    },
  },
  {
    name: 'lets items be stored and removed while it lists',
    check: async (context) => {
      const cache = await context.create();
      for (let index = 0; index < 50; index += 1) await cache.set(`old${index}`, index);
      const found: string[] = [];
      for await (const key of cache.keys('old')) {
        found.push(key);
        await cache.set(`new${found.length}`, 1);
        await cache.removeItem(`new${found.length - 1}`);
        ensure(found.length <= 50, 'a listing should not go on with keys that it gave already');
      }
      equal(new Set(found).size, 50, 'the number of keys that were there throughout');
    },
  },
  {
    name: 'clears the keys that begin with a prefix, which is no pattern',
    check: async (context) => {
      const cache = await context.create();
      for (const prefix of PREFIXES) {
        await context.storeMany(cache, PREFIXED_KEYS, 'v');
        equal(await cache.clearPrefix(prefix), undefined, 'the answer');
        const expected = PREFIXED_KEYS.filter((key) => !key.startsWith(prefix)).sort();
        equal(await listed(cache.keys()), expected, `the keys after the prefix ${JSON.stringify(prefix)} was cleared`);
      }
    },
  },
  {
    name: 'clears as many keys with a prefix as there are, and none of its neighbours',
    check: async (context) => {
      const start = context.newNamespace();
      const cache = await context.create({ namespace: `${start}a_b` });
      const neighbour = await context.create({ namespace: `${start}axb` });
      await neighbour.set('many 1', 'v');
      const keys = Array.from({ length: MANY }, (_, index) => `many ${index}`);
      await context.storeMany(cache, keys, 'v');
      await cache.set('few', 'v');
      await cache.clearPrefix('many ');
      equal(await listed(cache.keys()), ['few'], 'the own keys');
      equal(await listed(neighbour.keys()), ['many 1'], 'the keys of the neighbour');
    },
  },
  {
    name: 'refuses to clear by what could not begin a key',
    check: async (context) => {
      const cache = await context.create();
      await cache.set('a', 'v');
      for (const prefix of [undefined, null, 5, {}, 'a\0', 'x'.repeat(1025)] as unknown as string[]) {
        const error = await refused(() => cache.clearPrefix(prefix), 'ERR_CACHE_KEY', `clearPrefix(${show(prefix)})`);
        equal(error.operation, 'clearPrefix', 'the operation named in the error');
      }
      await cache.clearPrefix('x'.repeat(1024));
      equal(await cache.get('a'), 'v', 'the item');
    },
  },
];

export const iterationRules: RuleGroup = {
  title: 'iteration',
  rules: [
    ...rules.map((rule): Rule => ({ ...rule, needs: ['iteration'] })),
    {
      name: 'stops at a signal that is aborted when it clears a prefix, with the reason of the signal',
      needs: ['iteration', 'interruption'],
      check: async (context) => {
        const cache = await context.create();
        await cache.set('k', 'v');
        const reason = new Error('enough');
        let caught: unknown;
        await cache.clearPrefix('k', { signal: AbortSignal.abort(reason) }).catch((error: unknown) => {
          caught = error;
        });
        equal(caught === reason, true, 'whether clearPrefix rejected with the reason of the signal');
        equal(await cache.get('k'), 'v', 'the item');
      },
    },
    {
      name: 'ends the loads and forgets the stale copies under a prefix, and no others',
      needs: ['iteration', 'leases'],
      check: async (context) => {
        const cache = await context.create();
        const inside = await leased(cache, 'in:missing');
        const outside = await leased(cache, 'out:missing');
        for (const key of ['in:stale', 'out:stale']) {
          await cache.fill(await leased(cache, key), 'old', { staleInSeconds: 600 });
          await cache.expireItem(key);
        }
        await cache.fill(await leased(cache, 'in:absent'), ABSENT);
        await cache.clearPrefix('in:');
        equal(await cache.fill(inside, 'late'), false, 'the late fill under the prefix');
        equal(await cache.fill(outside, 'v'), true, 'the fill of another key');
        for (const key of ['in:missing', 'in:stale', 'in:absent']) await leased(cache, key, 'missing');
        await leased(cache, 'out:stale', 'stale');
      },
    },
    {
      name: 'stops a listing at a signal that is aborted, with the reason of the signal',
      needs: ['iteration', 'interruption'],
      check: async (context) => {
        const cache = await context.create();
        await cache.set('k', 'v');
        const reason = new Error('enough');
        let caught: unknown;
        await listed(cache.keys('', { signal: AbortSignal.abort(reason) })).catch((error: unknown) => {
          caught = error;
        });
        equal(caught === reason, true, 'whether the listing rejected with the reason of the signal');
        equal(await listed(cache.keys()), ['k'], 'the next listing');
      },
    },
  ],
};
