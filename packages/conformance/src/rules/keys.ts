import { equal, refused, show } from '../assertions.ts';
import type { Rule, RuleGroup } from '../rule.ts';
import type { RuleContext } from '../rule-context.ts';
import { listed, type TestedCache } from '../tested-cache.ts';

const NO_KEYS: readonly unknown[] = [
  undefined,
  null,
  5,
  true,
  {},
  [],
  ['a'],
  Symbol('key'),
  10n,
  () => 'key',
  new String('key'),
  '',
  '\0',
  'a\0b',
  'x'.repeat(1025),
  'x'.repeat(100_000),
  '\ud800',
  '\ud800A',
  'a\udc00b',
];

/** Each differs from the others in a way that escaping, trimming, folding or normalising would lose. */
const ORDINARY_KEYS: readonly string[] = [
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'hasOwnProperty',
  'a\r\nb',
  'a\nb',
  ' ',
  'a',
  'A',
  ' a',
  'a ',
  '\t',
  '\u0001',
  '\u007f',
  '\ufeff',
  '\uffff',
  'é',
  'e\u0301',
  'ключ',
  '鍵',
  '🗝️',
  '0',
  '1',
  '01',
  'null',
  'undefined',
  '*',
  'a*',
  '?',
  '[a]',
  '%',
  '_',
  'a_',
  '\\',
  "'",
  '"',
  '$1',
  '{tag}',
  '}',
  ':',
  'a:b',
  '/',
  '../a',
  '%00',
  '\\u0000',
];

const LONGEST_KEYS: readonly string[] = ['x'.repeat(1024), '€'.repeat(1024), '🗝'.repeat(512)];

export const keyRules: RuleGroup = {
  title: 'keys',
  rules: [
    {
      name: 'refuses what is no key, and the next call works',
      check: async (context) => {
        const cache = await context.create();
        for (const key of NO_KEYS as readonly string[]) {
          for (const [name, call] of keyedCalls(context, cache)) {
            await refused(() => call(key), 'ERR_CACHE_KEY', `${name}(${show(key)})`);
          }
        }
        await cache.set('k', 'v');
        equal(await cache.get('k'), 'v');
      },
    },
    {
      name: 'refuses a batch that has one bad key',
      needs: ['batch'],
      check: async (context) => {
        const cache = await context.create();
        await cache.set('a', 'kept');
        await refused(() => cache.mget(['a', '']), 'ERR_CACHE_KEY', 'mget');
        await refused(() => cache.removeItems(['a', 'x'.repeat(1025)]), 'ERR_CACHE_KEY', 'removeItems');
        await refused(
          () =>
            cache.mset([
              ['a', 'changed'],
              ['b', 1],
              ['\ud800', 2],
            ]),
          'ERR_CACHE_KEY',
          'mset',
        );
        equal(await cache.mget(['a', 'b']), ['kept', undefined]);
      },
    },
    {
      name: 'says in the error which call refused the key',
      check: async (context) => {
        const cache = await context.create();
        for (const [name, call] of keyedCalls(context, cache)) {
          const error = await refused(() => call(''), 'ERR_CACHE_KEY', name);
          equal(error.operation, name, 'the operation');
          equal(error.name, 'CacheKeyError', 'the name of the error');
          equal(typeof error.backend, 'string', 'the type of the backend');
        }
      },
    },
    {
      name: 'never takes one odd key for another',
      check: async (context) => {
        const cache = await context.create();
        const keys = [...ORDINARY_KEYS, ...LONGEST_KEYS];
        for (const [index, key] of keys.entries()) await cache.set(key, index);
        for (const [index, key] of keys.entries()) equal(await cache.get(key), index, `get(${show(key)})`);
        for (const key of keys) {
          equal(await cache.removeItem(key), true, `removeItem(${show(key)})`);
          equal(await cache.exists(key), false, `exists(${show(key)}) after it was removed`);
        }
      },
    },
    {
      name: 'never takes one odd key for another in batches and listings',
      needs: ['batch', 'iteration'],
      check: async (context) => {
        const cache = await context.create();
        const keys = [...ORDINARY_KEYS, ...LONGEST_KEYS];
        await cache.mset(keys.map((key, index) => [key, index] as const));
        equal(await cache.mget(keys), [...keys.keys()]);
        equal(await listed(cache.keys()), [...keys].sort());
        equal(await cache.removeItems(keys), keys.length, 'the number of items removed');
      },
    },
    {
      name: 'finds nothing under the names that every object has',
      check: async (context) => {
        const cache = await context.create();
        for (const key of ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'valueOf']) {
          equal(await cache.get(key), undefined, `get(${show(key)})`);
          equal(await cache.exists(key), false, `exists(${show(key)})`);
          equal(await cache.removeItem(key), false, `removeItem(${show(key)})`);
        }
      },
    },
    neverThrowsSynchronously(),
  ],
};

function neverThrowsSynchronously(): Rule {
  return {
    name: 'rejects and never throws synchronously where it answers promises',
    check: async (context) => {
      const cache = await context.createBare();
      if (!isPromise(cache.get('k'))) return;
      const calls = [() => cache.get(''), () => cache.set('', 1), () => cache.removeItem(''), () => cache.exists('')];
      for (const call of calls) {
        const answer = call();
        await refused(() => answer, 'ERR_CACHE_KEY', 'a call with an empty key');
      }
    },
  };
}

function isPromise(answer: unknown): boolean {
  return typeof answer === 'object' && answer !== null && 'then' in answer;
}

/** Every call that takes one key, by name. */
function keyedCalls(context: RuleContext, cache: TestedCache): [name: string, call: (key: string) => unknown][] {
  const lease = (key: string) => ({ key, token: 'none' });
  return [
    ['get', (key) => cache.get(key)],
    ['set', (key) => cache.set(key, 1)],
    ['removeItem', (key) => cache.removeItem(key)],
    ['exists', (key) => cache.exists(key)],
    ...when(context.has('batch'), [
      ['mget', (key) => cache.mget([key])],
      ['mset', (key) => cache.mset([[key, 1]])],
      ['removeItems', (key) => cache.removeItems([key])],
    ]),
    ...when(context.has('atomic'), [
      ['increment', (key) => cache.increment(key)],
      ['decrement', (key) => cache.decrement(key)],
      ['setWithNx', (key) => cache.setWithNx(key, 1)],
      ['getTtl', (key) => cache.getTtl(key)],
      ['removeIfEquals', (key) => cache.removeIfEquals(key, 1)],
      ['setTtlIfEquals', (key) => cache.setTtlIfEquals(key, 1, 10)],
    ]),
    ...when(context.has('leases'), [
      ['getEntries', (key) => cache.getEntries([key])],
      ['getOrLease', (key) => cache.getOrLease(key)],
      ['fill', (key) => cache.fill(lease(key), 1)],
      ['renew', (key) => cache.renew(lease(key))],
      ['release', (key) => cache.release(lease(key))],
      ['expireItem', (key) => cache.expireItem(key)],
    ]),
    ...when(context.has('inspection'), [['inspect', (key) => cache.inspect(key)]]),
  ];
}

type KeyedCall = [name: string, call: (key: string) => unknown];

function when(condition: boolean, calls: KeyedCall[]): KeyedCall[] {
  return condition ? calls : [];
}
