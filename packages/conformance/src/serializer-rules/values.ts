import { ensure, refused, show } from '../assertions.ts';
import { EXACT_VALUES, nested, STRINGS } from '../rules/sample-values.ts';
import { equalStored, print } from '../same-stored.ts';
import type { SerializerContext } from '../serializer-context.ts';
import type { KeptKinds, SerializerConformanceOptions } from '../serializer-options.ts';
import type { SerializerRuleGroup } from '../serializer-rule.ts';
import type { TestedSerializer } from '../tested-serializer.ts';
import { KIND_SAMPLES, KINDS } from './kind-samples.ts';
import { randomValue } from './random-value.ts';

const RANDOM_VALUES = 400;

const holdsJson = ({ values }: SerializerConformanceOptions): boolean => values === undefined;
const isFor = ({ values }: SerializerConformanceOptions): boolean => values !== undefined;

/** Kinds whose values hold no others. */
const LEAVES: ReadonlySet<keyof KeptKinds> = new Set<keyof KeptKinds>([
  'date',
  'bigint',
  'nonFiniteNumber',
  'uint8Array',
  'buffer',
  'typedArray',
  'regExp',
  'url',
  'boxedPrimitive',
]);

class Point {
  readonly x = 1;
}

/** What nothing can be made of again. */
const IMPOSSIBLE: Readonly<Record<string, unknown>> = {
  'a function': () => 1,
  'a symbol': Symbol('s'),
  'a getter that throws': Object.defineProperty({}, 'a', { enumerable: true, get: () => raise('a getter') }),
  'a toJSON that throws': { toJSON: () => raise('a toJSON') },
  'an array with a hole': new Array(1),
};

/** Instances that come back, if at all, as something else. */
const INSTANCES: Readonly<Record<string, unknown>> = {
  'an instance of a class': new Point(),
  'an instance of a class that extends Map': new (class Registry extends Map {})(),
  'an instance of a class that extends Date': new (class Day extends Date {})(0),
  'an instance of a class that extends Array': new (class List extends Array {})(),
  'an instance of a class that extends Uint8Array': new (class Bytes extends Uint8Array {})(1),
  'a Promise': Promise.resolve(),
};

const hidden = { value: 1, enumerable: false };

/** Objects of which a copy would lack something. */
const LOSSY: Readonly<Record<string, unknown>> = {
  'a Date with a property of its own': Object.assign(new Date(0), { note: 1 }),
  'a Date that answers for itself': Object.defineProperty(new Date(0), 'getTime', { value: () => 1 }),
  'a Map with a key that is a symbol': Object.assign(new Map(), { [Symbol('s')]: 1 }),
  'a Set with a hidden property': Object.defineProperty(new Set(), 'h', hidden),
  'a Set that lists other members': Object.defineProperty(new Set([1]), Symbol.iterator, { value: () => [].values() }),
  'a RegExp with a property of its own': Object.assign(/a/, { note: 1 }),
  'an array with a key that is a symbol': Object.assign([1], { [Symbol('s')]: 1 }),
  'the result of a match': 'abc'.match(/b/),
  'an object with a key that is a symbol': { [Symbol('s')]: 1 },
  'an object with a hidden property': Object.defineProperty({}, 'h', hidden),
  'an object with a getter': Object.defineProperty({}, 'h', { enumerable: true, get: () => 1 }),
  'shared memory': new Uint8Array(new SharedArrayBuffer(1)),
};

export const serializerValueRules: SerializerRuleGroup = {
  title: 'values',
  rules: [
    {
      name: 'gives back exactly every value that it is for',
      when: isFor,
      check: async (context) => {
        const serializer = await context.create();
        await context.forEachSample((sample) => serializer.expectKept(sample));
      },
    },
    {
      name: 'refuses every value that it is not for',
      when: isFor,
      check: async (context) => {
        const serializer = await context.create();
        for (const value of [{}, { a: 1 }, [], 'text', '', 5, -0, true, 1n, new Date(0), new Point()]) {
          await serializer.expectRefused(value, '$', show(value));
        }
      },
    },
    {
      name: 'gives strings back as the strings they were, whatever they look like',
      when: holdsJson,
      check: async (context) => {
        const serializer = await context.create();
        for (const text of STRINGS) await serializer.expectKept(text);
      },
    },
    {
      name: 'gives back exactly every value that JSON holds, -0 included',
      when: holdsJson,
      check: async (context) => {
        const serializer = await context.create();
        for (const value of EXACT_VALUES) {
          await serializer.expectKept(value);
          await serializer.expectKept({ list: [value], [show(value)]: value });
        }
      },
    },
    {
      name: 'gives back exactly whatever is made of the kinds that it keeps',
      when: holdsJson,
      check: async (context) => {
        const serializer = await context.create();
        for (let count = 0; count < RANDOM_VALUES; count += 1) {
          await serializer.expectKept(randomValue(context.random, context.kept));
        }
      },
    },
    {
      name: 'gives back exactly or refuses whatever is made of any kinds',
      when: holdsJson,
      check: async (context) => {
        const serializer = await context.create();
        for (let count = 0; count < RANDOM_VALUES; count += 1) {
          const value = [randomValue(context.random, KINDS)];
          const payload = await payloadOf(serializer, value);
          if (payload !== undefined) {
            const back = await serializer.deserialize(payload);
            equalStored(back, value, 'what was not refused');
          }
        }
      },
    },
    {
      name: 'makes no value of null and undefined: it gives them back or refuses them',
      check: async (context) => {
        const serializer = await context.create();
        for (const value of [null, undefined]) {
          const payload = await payloadOf(serializer, value);
          if (payload === undefined) continue;
          const back = await serializer.deserialize(payload);
          ensure(back === value, `${value} should come back as it is or be refused; got ${show(back)}`);
        }
      },
    },
    {
      name: 'refuses what no format holds, with the path that is at fault',
      check: async (context) => {
        const serializer = await context.create();
        const path = holdsJson(context.options) ? '$.a[1].b' : '$';
        for (const [what, value] of Object.entries(IMPOSSIBLE)) {
          await serializer.expectRefused({ a: [0, { b: value }] }, path, what);
          await serializer.expectRefused(value, '$', what);
        }
      },
    },
    {
      name: 'refuses instances of classes, with the path that is at fault',
      when: (options) => holdsJson(options) && options.classInstances !== 'data',
      check: (context) => expectAllRefused(context, INSTANCES),
    },
    {
      name: 'refuses objects of which a copy would lose something, with the path that is at fault',
      when: (options) => holdsJson(options) && options.classInstances !== 'data',
      check: (context) => expectAllRefused(context, LOSSY),
    },
    {
      name: 'holds nesting of 200 and refuses more',
      when: holdsJson,
      check: async (context) => {
        const serializer = await context.create();
        const nests: ((depth: number) => unknown)[] = [nested];
        if (context.kept.includes('map')) nests.push((depth) => within(depth, (inner) => new Map([['k', inner]])));
        if (context.kept.includes('set')) nests.push((depth) => within(depth, (inner) => new Set([inner])));
        for (const nest of nests) {
          await serializer.expectKept(nest(200));
          for (const depth of [201, 10_000, 200_000]) {
            await serializer.expectRefused(nest(depth), '$', `nesting of ${depth}`);
          }
        }
      },
    },
    {
      name: 'holds whatever kind of value 200 levels deep',
      when: holdsJson,
      check: async (context) => {
        const serializer = await context.create();
        const leaves = context.kept.filter((kind) => LEAVES.has(kind)).flatMap((kind) => KIND_SAMPLES[kind]);
        for (const leaf of ['text', -0, null, ...leaves]) {
          await serializer.expectKept(within(200, (inner) => [inner], [leaf]));
        }
      },
    },
    {
      name: 'is not disturbed by a refusal',
      check: async (context) => {
        const serializer = await context.create();
        await context.forEachSample(async (sample) => {
          for (const value of Object.values(IMPOSSIBLE)) {
            await refused(() => serializer.serialize([sample, value]), 'ERR_CACHE_VALUE', 'serialize');
            await serializer.expectKept(sample);
          }
        });
      },
    },
    {
      name: 'leaves what it is given as it was',
      check: async (context) => {
        const serializer = await context.create();
        await context.forEachSample(async (sample) => {
          const before = print(sample);
          await serializer.serialize(sample);
          ensure(print(sample) === before, `${show(sample)} should be as it was before it was written`);
        });
      },
    },
    {
      name: 'lets no property named __proto__ pollute others',
      when: holdsJson,
      check: async (context) => {
        const serializer = await context.create();
        const text = '{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}';
        const back = (await serializer.roundTrip(JSON.parse(text))) as object;
        ensure(Object.hasOwn(back, '__proto__'), '__proto__ should be a property like any other');
        ensure(JSON.stringify(back) === text, `${text} should come back; got ${show(back)}`);
        ensure(({} as Record<string, unknown>)['polluted'] === undefined, 'a new object should have no properties');
      },
    },
    {
      name: 'gives each reader a value of its own, or one that nobody can change',
      check: async (context) => {
        const serializer = await context.create();
        await context.forEachSample(async (sample) => {
          const payload = await serializer.serialize(sample);
          const first = await serializer.deserialize(payload);
          const second = await serializer.deserialize(payload);
          const isSafe = typeof first !== 'object' || Object.isFrozen(first) || first !== second;
          ensure(isSafe, `Two readers of ${show(sample)} should not be given the same object`);
        });
      },
    },
  ],
};

/** Each is refused by itself, and with its path within others. */
async function expectAllRefused(context: SerializerContext, values: Readonly<Record<string, unknown>>): Promise<void> {
  const serializer = await context.create();
  for (const [what, value] of Object.entries(values)) {
    await serializer.expectRefused({ a: [0, { b: value }] }, '$.a[1].b', what);
    await serializer.expectRefused(value, '$', what);
  }
}

/** A value so many levels deep. */
function within(depth: number, wrap: (inner: unknown) => unknown, innermost: unknown = wrap('end')): unknown {
  let value = innermost;
  for (let level = 1; level < depth; level += 1) value = wrap(value);
  return value;
}

/** What is written of a value, or `undefined` if it is refused. */
async function payloadOf(serializer: TestedSerializer, value: unknown): Promise<string | Uint8Array | undefined> {
  try {
    return await serializer.serialize(value);
  } catch (error) {
    await refused(() => Promise.reject(error), 'ERR_CACHE_VALUE', `serialize(${show(value)})`);
    return undefined;
  }
}

function raise(message: string): never {
  throw new Error(message);
}
