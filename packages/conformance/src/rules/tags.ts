import { equal, refused, show } from '../assertions.ts';
import type { Rule, RuleGroup } from '../rule.ts';
import { listed } from '../tested-cache.ts';

const ODD_TAGS: readonly string[] = [
  'a',
  'A',
  'ab',
  'a*',
  'a?',
  '%',
  '_',
  ' ',
  ',',
  'a,b',
  '"',
  "'",
  '\\',
  '[a]',
  '{a}',
  '#',
  't',
  '\r\n',
  '\t',
  '__proto__',
  'constructor',
  'é',
  'e\u0301',
  '🏷️',
  'null',
  '0',
  'x'.repeat(255),
  'x'.repeat(256),
];

const NO_TAGS: readonly unknown[] = ['', 'a\0b', '\ud800', 'x'.repeat(257), 5, null, undefined, {}, ['a']];
const NO_LISTS: readonly unknown[] = ['a', 5, {}, new Set(['a'])];

const rules: readonly Omit<Rule, 'needs'>[] = [
  {
    name: 'invalidates every item that carries a tag, and only those',
    check: async (context) => {
      const cache = await context.create();
      const indices = Array.from({ length: 100 }, (_, index) => index);
      const tagsOf = (index: number) => (index % 2 ? ['odd', 'all'] : ['even', 'all']);
      await Promise.all(indices.map((index) => cache.set(`k${index}`, index, { tags: tagsOf(index) })));
      await cache.set('untagged', 'kept');
      await cache.invalidateTags(['odd']);
      const found = await Promise.all(indices.map((index) => cache.get(`k${index}`)));
      equal(
        found,
        indices.map((index) => (index % 2 ? undefined : index)),
        'the items',
      );
      await cache.invalidateTags(['all']);
      equal(await cache.get('k0'), undefined, 'an item with another tag');
      equal(await cache.get('untagged'), 'kept', 'the item without tags');
    },
  },
  {
    name: 'shows an item whose tag was invalidated to no call',
    check: async (context) => {
      const cache = await context.create();
      for (const key of ['a', 'b', 'c', 'd', 'e', 'f']) await cache.set(key, 'old', { tags: ['t'] });
      await cache.set('live', 'new');
      await cache.invalidateTags(['t']);
      if (context.has('iteration')) equal(await listed(cache.keys()), ['live'], 'the keys');
      if (context.has('inspection')) equal(await cache.inspect('a'), undefined, 'inspect');
      if (context.has('batch')) {
        equal(await cache.mget(['a', 'live']), [undefined, 'new'], 'mget');
        equal(await cache.removeItems(['e', 'live']), 1, 'removeItems');
      }
      if (context.has('leases')) {
        equal((await cache.getEntries(['a']))[0], { state: 'missing' }, 'getEntries');
        equal(await cache.expireItem('b'), false, 'expireItem');
        const { state } = await cache.getOrLease('f');
        equal(state, 'missing', 'the state that getOrLease answers');
      }
      if (context.has('atomic')) {
        equal(await cache.getTtl('a'), undefined, 'getTtl');
        equal(await cache.removeIfEquals('a', 'old'), false, 'removeIfEquals');
        equal(await cache.setTtlIfEquals('a', 'old', 1000), false, 'setTtlIfEquals');
        equal(await cache.setWithNx('c', 'fresh'), true, 'setWithNx');
        equal(await cache.increment('d', 7), 7, 'increment');
        equal(await cache.get('c'), 'fresh', 'the value stored by setWithNx');
      }
      equal(await cache.exists('a'), false, 'exists');
      equal(await cache.removeItem('a'), false, 'removeItem');
      equal(await cache.get('a'), undefined, 'get');
    },
  },
  {
    name: 'shows an item that was stored again right after its tag was invalidated',
    check: async (context) => {
      const cache = await context.create();
      for (let round = 0; round < 30; round += 1) {
        await cache.set('a', round, { tags: ['t', `round ${round}`] });
        equal(await cache.get('a'), round, `the value of round ${round}`);
        await cache.invalidateTags(['t']);
        equal(await cache.get('a'), undefined, `the value of round ${round} after the invalidation`);
      }
    },
  },
  {
    name: 'keeps the tags that an item was stored with, whatever becomes of the array that was given',
    check: async (context) => {
      const cache = await context.create();
      const tags = ['t'];
      await cache.set('a', 1, { tags });
      tags[0] = 'other';
      await cache.invalidateTags(['other']);
      equal(await cache.get('a'), 1, 'the item after a tag was invalidated that it was not stored with');
      await cache.invalidateTags(['t']);
      equal(await cache.get('a'), undefined, 'the item after its tag was invalidated');
    },
  },
  {
    name: 'forgets the tags of an item that is replaced or removed',
    check: async (context) => {
      const cache = await context.create();
      await cache.set('a', 1, { tags: ['old'] });
      await cache.set('a', 2, { tags: ['new'] });
      await cache.set('b', 1, { tags: ['old'] });
      await cache.set('b', 2);
      await cache.set('c', 1, { tags: ['old'] });
      await cache.removeItem('c');
      await cache.set('c', 2);
      await cache.invalidateTags(['old']);
      for (const key of ['a', 'b', 'c']) equal(await cache.get(key), 2, key);
      await cache.invalidateTags(['new']);
      equal(await cache.get('a'), undefined, 'the item after its own tag was invalidated');
    },
  },
  {
    name: 'never takes one odd tag for another',
    check: async (context) => {
      const cache = await context.create();
      for (const tag of ODD_TAGS) await cache.set(tag, 'v', { tags: [tag] });
      const left = new Set(ODD_TAGS);
      for (const tag of ODD_TAGS) {
        await cache.invalidateTags([tag]);
        left.delete(tag);
        equal(await cache.exists(tag), false, `the item tagged ${show(tag)}`);
        const others = [...left];
        const areThere = await Promise.all(others.map((other) => cache.exists(other)));
        for (const [index, isThere] of areThere.entries())
          equal(isThere, true, `${show(others[index])} after ${show(tag)}`);
      }
    },
  },
  {
    name: 'takes 64 tags an item and as many as you like to invalidate, duplicates and unknown ones too',
    check: async (context) => {
      const cache = await context.create();
      const tags = Array.from({ length: 64 }, (_, index) => `${index}`.padEnd(256, 'x'));
      const [first = '', last = ''] = [tags[0], tags.at(-1)];
      await cache.set('a', 1, { tags: [...tags, ...tags] });
      await cache.set('b', 1, { tags });
      await cache.set('c', 1, { tags: [first] });
      await cache.invalidateTags([]);
      await cache.invalidateTags(['never heard of']);
      equal(await cache.get('a'), 1, 'the item after unknown tags were invalidated');
      const unknown = Array.from({ length: 3000 }, (_, index) => `unknown ${index}`);
      await cache.invalidateTags([...unknown, last, last]);
      equal(await cache.get('a'), undefined, 'the item whose last tag was invalidated');
      equal(await cache.get('b'), undefined, 'the other item with that tag');
      equal(await cache.get('c'), 1, 'the item without that tag');
    },
  },
  {
    name: 'refuses what is no tag, and stores and invalidates nothing',
    check: async (context) => {
      const cache = await context.create();
      await cache.set('a', 'before', { tags: ['good'] });
      const lists = [...NO_TAGS.map((tag) => ['good', tag]), ...NO_LISTS] as readonly string[][];
      for (const tags of lists) {
        await refused(() => cache.set('a', 'changed', { tags }), 'ERR_CACHE_OPTION', `set with the tags ${show(tags)}`);
        for (const name of ['invalidateTags', 'expireTags'] as const) {
          const error = await refused(() => cache[name](tags), 'ERR_CACHE_OPTION', `${name}(${show(tags)})`);
          equal(error.operation, name, 'the operation named in the error');
        }
      }
      const tooMany = Array.from({ length: 65 }, (_, index) => `${index}`);
      await refused(() => cache.set('a', 'changed', { tags: tooMany }), 'ERR_CACHE_OPTION', 'set with 65 tags');
      equal(await cache.get('a'), 'before', 'the item');
    },
  },
  {
    name: 'takes tags in every call that stores',
    check: async (context) => {
      const cache = await context.create();
      const keys: string[] = [];
      const options = { tags: ['t'], expirationInSeconds: null };
      if (context.has('batch')) {
        await cache.mset(
          [
            ['m1', 1],
            ['m2', 1],
          ],
          options,
        );
        keys.push('m1', 'm2');
      }
      if (context.has('atomic')) {
        await cache.setWithNx('nx', 1, options);
        keys.push('nx');
      }
      for (const key of keys) equal(await cache.get(key), 1, key);
      await cache.invalidateTags(['t']);
      for (const key of keys) equal(await cache.get(key), undefined, `${key} after its tag was invalidated`);
    },
  },
  {
    name: 'leaves the tags of a neighbour in the same store alone',
    check: async (context) => {
      const cache = await context.create();
      const neighbour = await context.create();
      await cache.set('a', 1, { tags: ['t'] });
      await neighbour.set('a', 2, { tags: ['t'] });
      await cache.invalidateTags(['t']);
      equal(await cache.get('a'), undefined, 'the own item');
      equal(await neighbour.get('a'), 2, 'the item of the neighbour');
    },
  },
  {
    name: 'makes every item with a tag a miss with expireTags, and only those',
    check: async (context) => {
      const cache = await context.create();
      await cache.set('a', 1, { tags: ['t', 'u'] });
      await cache.set('b', 1, { tags: ['u'] });
      await cache.set('c', 1);
      await cache.expireTags([]);
      await cache.expireTags(['never heard of', 't', 't']);
      equal(await cache.get('a'), undefined, 'the item with the tag');
      equal(await cache.exists('a'), false, 'whether it exists');
      equal(await cache.removeItem('a'), false, 'its removal');
      equal(await cache.get('b'), 1, 'the item with another tag');
      equal(await cache.get('c'), 1, 'the item without tags');
      await cache.set('a', 2, { tags: ['t'] });
      equal(await cache.get('a'), 2, 'the item that was stored again');
    },
  },
  {
    name: 'shows items that are stored after a clear, whatever was invalidated before it',
    check: async (context) => {
      const cache = await context.create();
      await cache.set('a', 1, { tags: ['t'] });
      await cache.invalidateTags(['t']);
      await cache.clear();
      await cache.set('a', 2, { tags: ['t'] });
      equal(await cache.get('a'), 2, 'the item');
      await cache.invalidateTags(['t']);
      equal(await cache.get('a'), undefined, 'the item after its tag was invalidated again');
    },
  },
];

export const tagRules: RuleGroup = { title: 'tags', rules: rules.map((rule) => ({ ...rule, needs: ['tags'] })) };
