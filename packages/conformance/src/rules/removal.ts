import { equal, refused } from '../assertions.ts';
import type { RuleGroup } from '../rule.ts';
import type { RuleContext } from '../rule-context.ts';
import { listed } from '../tested-cache.ts';

const MANY = 2_500;

/** Namespaces that a clear by unescaped pattern, or by bare prefix, would confuse. */
const NEIGHBOURS: readonly (readonly [own: string, neighbour: string])[] = [
  ['a_b', 'axb'],
  ['a.b', 'axb'],
  ['a', 'ab'],
  ['a', 'a-b'],
  ['a', 'a.b'],
  ['A', 'a'],
];

/** Namespaces that a backend may refuse, but must not take for patterns. */
const PATTERNS: readonly (readonly [own: string, neighbour: string])[] = [
  ['a*', 'abc'],
  ['a?', 'ab'],
  ['[ab]', 'a'],
  ['a%', 'abc'],
  ['a\\', 'a'],
  ['*', 'abc'],
];

export const removalRules: RuleGroup = {
  title: 'removal',
  rules: [
    {
      name: 'answers undefined and false for a key that was never stored',
      check: async (context) => {
        const cache = await context.create();
        equal(await cache.get('k'), undefined, 'get');
        equal(await cache.exists('k'), false, 'exists');
        equal(await cache.removeItem('k'), false, 'removeItem');
      },
    },
    {
      name: 'says whether removeItem removed a live item, and removes it for good',
      check: async (context) => {
        const cache = await context.create();
        await cache.set('k', 'v');
        await cache.set('other', 'kept');
        equal(await cache.exists('k'), true, 'exists before');
        equal(await cache.removeItem('k'), true, 'the first removeItem');
        equal(await cache.removeItem('k'), false, 'the second removeItem');
        equal(await cache.exists('k'), false, 'exists after');
        equal(await cache.get('k'), undefined, 'get after');
        equal(await cache.get('other'), 'kept', 'another item');
        await cache.set('k', 'again');
        equal(await cache.get('k'), 'again', 'the value stored after the removal');
      },
    },
    {
      name: 'lets exactly one of many concurrent removals say that it removed the item',
      check: async (context) => {
        const cache = await context.create();
        await cache.set('k', 'v');
        const answers = await Promise.all(Array.from({ length: 20 }, () => cache.removeItem('k')));
        equal(answers.filter((isRemoved) => isRemoved).length, 1, 'the number of removals that answered true');
      },
    },
    {
      name: 'counts falsy values as there',
      check: async (context) => {
        const cache = await context.create();
        for (const value of [0, '', false]) {
          await cache.set('k', value);
          equal(await cache.exists('k'), true, `exists of ${JSON.stringify(value)}`);
          equal(await cache.removeItem('k'), true, `removeItem of ${JSON.stringify(value)}`);
        }
      },
    },
    {
      name: 'clears everything it holds, however much, and is usable at once',
      check: async (context) => {
        const cache = await context.create();
        await cache.clear();
        const keys = Array.from({ length: MANY }, (_, index) => `k${index}`);
        await context.storeMany(cache, keys, 'v');
        await cache.clear();
        const found = context.has('batch')
          ? await cache.mget(keys)
          : await Promise.all(keys.map((key) => cache.get(key)));
        equal(found.filter((value) => value !== undefined).length, 0, 'the number of items left');
        await cache.set('k1', 'again');
        equal(await cache.get('k1'), 'again', 'the value stored after the clear');
      },
    },
    {
      name: 'clears counters, tagged items and odd keys too',
      check: async (context) => {
        const cache = await context.create();
        const keys = ['__proto__', 'a\r\nb', '*', '%', 'counter', 'tagged', 'once'];
        for (const key of keys.slice(0, 4)) await cache.set(key, 'v', null);
        if (context.has('atomic')) await cache.increment('counter', 1, { expirationInSeconds: null });
        if (context.has('atomic')) await cache.setWithNx('once', 1, null);
        if (context.has('tags')) await cache.set('tagged', 1, { tags: ['t'] });
        await cache.clear();
        for (const key of keys) equal(await cache.exists(key), false, `exists(${JSON.stringify(key)})`);
        if (context.has('iteration')) equal(await listed(cache.keys()), [], 'the keys');
      },
    },
    {
      name: 'leaves every neighbour in the same store alone when it clears',
      check: async (context) => {
        for (const [own, neighbour] of NEIGHBOURS) await clearSparesNeighbour(context, own, neighbour);
      },
    },
    {
      name: 'refuses a namespace with pattern characters, or takes them literally when it clears',
      check: async (context) => {
        for (const [own, neighbour] of PATTERNS) {
          try {
            await clearSparesNeighbour(context, own, neighbour);
          } catch (error) {
            if ((error as { code?: unknown }).code === 'ERR_ASSERTION') throw error;
            await refused(() => Promise.reject(error), 'ERR_CACHE_OPTION', `the namespace "${own}"`);
          }
        }
      },
    },
    {
      name: 'stops a clear at a signal that is aborted, with the reason of the signal',
      needs: ['interruption'],
      check: async (context) => {
        const cache = await context.create();
        await cache.set('k', 'v');
        const reason = new Error('enough');
        let caught: unknown;
        await (cache.clear as (options: object) => Promise<void>)({ signal: AbortSignal.abort(reason) }).catch(
          (error: unknown) => {
            caught = error;
          },
        );
        equal(caught === reason, true, 'whether clear rejected with the reason of the signal');
        equal(await cache.get('k'), 'v', 'the item');
      },
    },
  ],
};

async function clearSparesNeighbour(context: RuleContext, own: string, neighbour: string): Promise<void> {
  const start = context.newNamespace();
  const cleared = await context.create({ namespace: `${start}${own}` });
  const spared = await context.create({ namespace: `${start}${neighbour}` });
  const keys = ['k', 'b', ':k', '_', '%', `${own}k`];
  for (const key of keys) await cleared.set(key, 'own');
  for (const key of keys) await spared.set(key, 'neighbour');
  await cleared.clear();
  for (const key of keys) {
    equal(await cleared.get(key), undefined, `${JSON.stringify(key)} in the cleared "${own}"`);
    equal(await spared.get(key), 'neighbour', `${JSON.stringify(key)} in its neighbour "${neighbour}"`);
  }
}
