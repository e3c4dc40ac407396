import { inspect } from 'node:util';
import { ensure, equal, refused, show } from '../assertions.ts';
import type { ConformanceOptions } from '../conformance-options.ts';
import type { Rule, RuleGroup } from '../rule.ts';
import type { RuleContext } from '../rule-context.ts';
import type { TestedCache } from '../tested-cache.ts';
import { EXACT_VALUES, INEXACT_VALUES, nested, STRINGS } from './sample-values.ts';

const DEFAULT_MAX_VALUE_BYTES = 1_048_576;
const CANARY = 'canary-7f3a91';

const holdsReferences = (options: ConformanceOptions): boolean => options.values === 'references';
const holdsCopies = (options: ConformanceOptions): boolean => options.values !== 'references';
const holdsJson = (options: ConformanceOptions): boolean => (options.values ?? 'json') === 'json';

export const valueRules: RuleGroup = {
  title: 'values',
  rules: [
    {
      name: 'gives strings back as the strings they were, whatever they look like',
      check: async (context) => {
        const cache = await context.create();
        for (const text of STRINGS) {
          await cache.set('k', text);
          equal(await cache.get('k'), text);
        }
      },
    },
    {
      name: 'gives back exactly every value that JSON holds, -0 included',
      check: async (context) => {
        const cache = await context.create();
        for (const value of EXACT_VALUES) {
          await cache.set('k', value as NonNullable<unknown>);
          equal(await cache.get('k'), value, 'the value');
          const wrapped = { list: [value], [show(value)]: value };
          await cache.set('k', wrapped);
          equal(await cache.get('k'), wrapped, 'the value within an object');
        }
      },
    },
    {
      name: 'gives the same values back through batches',
      needs: ['batch'],
      check: async (context) => {
        const cache = await context.create();
        const values = [...STRINGS, ...EXACT_VALUES];
        await cache.mset(values.map((value, index) => [`k${index}`, value as NonNullable<unknown>] as const));
        equal(await cache.mget(values.map((_, index) => `k${index}`)), values);
      },
    },
    {
      name: 'either gives a lone surrogate back or refuses it',
      check: (context) => exactOrRefused(context, ['\ud800', 'a\udc00b', '\udc00\ud800', ['\ud800']]),
    },
    {
      name: 'either gives a value back equal and of the same type, or refuses it',
      check: (context) => exactOrRefused(context, Object.values(INEXACT_VALUES)),
    },
    {
      name: 'refuses null and undefined in every call that stores, and keeps what was there',
      check: async (context) => {
        const cache = await context.create();
        for (const value of [null, undefined] as unknown as NonNullable<unknown>[]) {
          for (const [name, call] of storingCalls(context, cache)) {
            await cache.set('k', 'before');
            await refused(() => call(value), 'ERR_CACHE_VALUE', `${name}(${value})`);
            equal(await cache.get('k'), 'before', `the value after ${name}(${value})`);
          }
        }
      },
    },
    {
      name: 'does not let the value __proto__ of an object pollute others',
      check: async (context) => {
        const cache = await context.create();
        const text = '{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}';
        await cache.set('k', JSON.parse(text));
        const value = (await cache.get('k')) as object;
        equal(Object.hasOwn(value, '__proto__'), true, 'whether __proto__ is a property like any other');
        equal(JSON.stringify(value), JSON.stringify(JSON.parse(text)));
        equal(({} as Record<string, unknown>)['polluted'], undefined, 'a property of a new object');
      },
    },
    {
      name: 'keeps any value as it is, and gives the very same one back',
      when: holdsReferences,
      check: async (context) => {
        const cache = await context.create();
        for (const [name, value] of Object.entries(INEXACT_VALUES)) {
          await cache.set('k', value);
          equal(Object.is(await cache.get('k'), value), true, `whether the same ${name} came back`);
        }
      },
    },
    {
      name: 'gives out copies: changing what was read or stored changes nothing in the cache',
      when: holdsCopies,
      check: async (context) => {
        const cache = await context.create();
        const stored = { list: [1], inner: { a: 1 } };
        await cache.set('k', stored);
        stored.list.push(2);
        const read = (await cache.get('k')) as typeof stored;
        equal(read, { list: [1], inner: { a: 1 } }, 'after a change of what was stored');
        try {
          read.inner.a = 9;
        } catch {
          // Frozen is as good as copied.
        }
        equal(await cache.get('k'), { list: [1], inner: { a: 1 } }, 'after a change of what was read');
      },
    },
    ...refusalRules(),
    {
      name: 'refuses a value that is too large, and keeps what was there',
      when: (options) => maxValueBytesOf(options) !== null,
      check: async (context) => {
        const limit = maxValueBytesOf(context.options) ?? 0;
        const cache = await context.create();
        const largest = 'x'.repeat(Math.max(1, limit - 64));
        await cache.set('k', largest);
        equal(await cache.get('k'), largest, 'a value just below the limit');
        for (const [name, call] of storingCalls(context, cache)) {
          const error = await refused(
            () => call('x'.repeat(limit + 1)),
            'ERR_CACHE_VALUE',
            `${name} of ${limit + 1} bytes`,
          );
          ensure(
            error.message.length < 1000,
            `the message should not quote the value; it has ${error.message.length} characters`,
          );
        }
        equal(await cache.get('k'), largest, 'the value after the refusals');
      },
    },
  ],
};

function maxValueBytesOf({ maxValueBytes, values }: ConformanceOptions): number | null {
  if (maxValueBytes !== undefined) return maxValueBytes;
  return values === 'references' ? null : DEFAULT_MAX_VALUE_BYTES;
}

async function exactOrRefused(context: RuleContext, values: readonly unknown[]): Promise<void> {
  const cache = await context.create();
  for (const value of values as readonly NonNullable<unknown>[]) {
    await cache.set('k', 'before');
    try {
      await cache.set('k', value);
    } catch (error) {
      await refused(() => Promise.reject(error), 'ERR_CACHE_VALUE', `set(${show(value)})`);
      equal(await cache.get('k'), 'before', 'what was there before the refusal');
      continue;
    }
    equal(await cache.get('k'), value, 'the value');
  }
}

function refusalRules(): Rule[] {
  return [
    {
      name: 'refuses what JSON would change, with the path that is at fault',
      when: holdsJson,
      check: async (context) => {
        const cache = await context.create();
        for (const [name, value] of Object.entries(INEXACT_VALUES)) {
          for (const [call, store] of storingCalls(context, cache)) {
            await cache.set('k', 'before');
            const error = await refused(
              () => store({ a: [0, { b: value }] }),
              'ERR_CACHE_VALUE',
              `${call} of a ${name}`,
            );
            ensure(error.path?.startsWith('$.a[1].b') === true, `${call} of a ${name}: path ${show(error.path)}`);
            equal(await cache.get('k'), 'before', `what was there before ${call} of a ${name}`);
          }
          await refused(() => cache.set('k', value), 'ERR_CACHE_VALUE', `set of a bare ${name}`);
        }
      },
    },
    {
      name: 'holds nesting of 200 and refuses more',
      when: holdsJson,
      check: async (context) => {
        const cache = await context.create();
        await cache.set('k', nested(200));
        equal(await cache.get('k'), nested(200));
        for (const depth of [201, 10_000, 200_000]) {
          await refused(() => cache.set('k', nested(depth)), 'ERR_CACHE_VALUE', `set at depth ${depth}`);
        }
        equal(await cache.get('k'), nested(200), 'the value after the refusals');
      },
    },
    {
      name: 'does not disturb other calls when it refuses a value',
      when: (options) => options.values !== 'references',
      check: async (context) => {
        const cache = await context.create();
        const throwing = Object.defineProperty({}, 'a', {
          enumerable: true,
          get: () => {
            throw new Error('no');
          },
        });
        const calls = Array.from({ length: 60 }, async (_, index) => {
          if (index % 3 === 0) return refused(() => cache.set(`k${index}`, throwing), 'ERR_CACHE_VALUE', 'set');
          await cache.set(`k${index}`, { index });
          return equal(await cache.get(`k${index}`), { index });
        });
        await Promise.all(calls);
      },
    },
    {
      name: 'puts no part of a value into an error',
      when: (options) => options.values !== 'references',
      check: async (context) => {
        const cache = await context.create();
        const bad = { secret: CANARY, list: [CANARY], throwing: { toJSON: () => raise(CANARY) } };
        for (const [name, call] of storingCalls(context, cache)) {
          const error = await refused(() => call(bad), 'ERR_CACHE_VALUE', name);
          const everything = inspect(error, { showHidden: true, depth: null }) + JSON.stringify(error);
          ensure(!everything.includes(CANARY), `the error of ${name} should not carry the value`);
        }
      },
    },
  ];
}

function raise(message: string): never {
  throw new Error(message);
}

type StoringCall = [name: string, call: (value: NonNullable<unknown>) => unknown];

/** Every call that stores a value, by name; `fill` under a lease of its own, so that it may leave `k` alone. */
function storingCalls(context: RuleContext, cache: TestedCache): StoringCall[] {
  return [
    ['set', (value) => cache.set('k', value)],
    ...when(context.has('batch'), [
      [
        'mset',
        (value) =>
          cache.mset([
            ['other', 1],
            ['k', value],
          ]),
      ],
    ]),
    ...when(context.has('atomic'), [
      ['setWithNx', (value) => cache.setWithNx('new', value)],
      ['removeIfEquals', (value) => cache.removeIfEquals('k', value)],
      ['setTtlIfEquals', (value) => cache.setTtlIfEquals('k', value, 10)],
    ]),
    ...when(context.has('leases'), [
      [
        'fill',
        async (value) => {
          await cache.removeItem('filled');
          const { state, ...entry } = await cache.getOrLease('filled');
          const lease = 'lease' in entry ? entry.lease : undefined;
          if (lease === undefined) throw new Error(`No lease on a removed key, but ${state}`);
          return cache.fill(lease, value);
        },
      ],
    ]),
  ];
}

function when(condition: boolean, calls: StoringCall[]): StoringCall[] {
  return condition ? calls : [];
}
