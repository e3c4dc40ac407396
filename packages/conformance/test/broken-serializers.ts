import { randomBytes } from 'node:crypto';
import { deserialize, serialize } from 'node:v8';
import { EVERY_KIND, type KeptKinds, type SerializerConformanceOptions, serializerRules } from '@cache/conformance';
import {
  type BinarySerializer,
  CacheCorruptionError,
  CacheValueError,
  jsonSerializer,
  type Serializer,
  type SyncJsonSerializer,
} from '@cache/core';
import { checkedSerializer } from './checked-serializer.ts';

/** A serializer with one mistake, and the rules that must find it. */
export interface BrokenSerializer {
  /** What it does wrong, as a sentence without its subject. */
  readonly mistake: string;
  readonly breaks: readonly string[];
  readonly create: () => Serializer;
  /** What it claims beside what the right one does. */
  readonly options?: Partial<SerializerConformanceOptions>;
}

const SECRET = 'a secret of these tests';

/** Of the serializer whose key is another in each instance. */
let madeInstances = 0;

/** What the right one is. */
export const RIGHT: SerializerConformanceOptions = {
  name: 'checked JSON',
  create: () => checkedSerializer(),
  keeps: { loneSurrogate: true },
  classInstances: 'data',
  detects: 'every-change',
  stored: [{ payload: Buffer.from('f8b7efdc8331', 'hex'), value: 1 }],
  secrets: [SECRET],
  callLimitMs: 100,
};

const json = jsonSerializer();

/** The right one with other methods, each of which is given the right ones. */
function checked(patch: (right: BinarySerializer) => Partial<BinarySerializer> & object): () => BinarySerializer {
  return () => ({ ...checkedSerializer(), ...patch(checkedSerializer()) });
}

/** JSON as text with other methods. */
function text(patch: (right: SyncJsonSerializer) => Partial<SyncJsonSerializer>): () => Serializer {
  return () => ({ ...json, ...patch(json) });
}

const reading = (change: (value: unknown) => unknown): (() => Serializer) =>
  text(({ deserialize: right }) => ({ deserialize: (payload) => change(right(payload)) }));

const writing = (change: (value: unknown) => unknown): (() => Serializer) =>
  text(({ serialize: right }) => ({ serialize: (value) => right(change(value)) }));

function depthOf(value: unknown): number {
  return typeof value === 'object' && value !== null ? 1 + Math.max(0, ...Object.values(value).map(depthOf)) : 1;
}

function refuse(message: string): never {
  throw new CacheValueError(message, { path: '$' });
}

/** What V8 makes of anything, unsigned and unchecked, behind a byte. */
const clone: BinarySerializer = {
  format: 'binary',
  formatByte: 0xf8,
  serialize: (value) => Buffer.concat([Buffer.of(0xf8), serialize(value)]),
  deserialize: (payload) => deserialize(payload.subarray(1)),
};

const onlyDates = {
  values: [new Date(0), new Date(1_500)],
  keeps: {},
} as const;

const datesInSeconds: SyncJsonSerializer = {
  format: 'json',
  serialize: (value) =>
    value instanceof Date ? json.serialize({ seconds: Math.round(value.getTime() / 1000) }) : refuse('No date.'),
  deserialize: (payload) => new Date((json.deserialize(payload) as { seconds: number }).seconds * 1000),
};

const brokenInValues: readonly BrokenSerializer[] = [
  {
    mistake: 'rounds the dates that it is for',
    breaks: ['gives back exactly every value that it is for'],
    create: () => datesInSeconds,
    options: onlyDates,
  },
  {
    mistake: 'is for dates and takes whatever else there is',
    breaks: ['refuses every value that it is not for'],
    create: () => json,
    options: onlyDates,
  },
  {
    mistake: 'takes a string that looks like JSON for JSON',
    breaks: ['gives strings back as the strings they were, whatever they look like'],
    create: reading((value) => {
      try {
        return typeof value === 'string' ? JSON.parse(value) : value;
      } catch {
        return value;
      }
    }),
  },
  {
    mistake: 'loses the sign of zero',
    breaks: [
      'gives back exactly every value that JSON holds, -0 included',
      'gives back exactly whatever is made of the kinds that it keeps',
    ],
    create: text(() => ({ serialize: (value) => JSON.stringify(value) })),
  },
  {
    mistake: 'writes what JSON.stringify leaves of a value',
    breaks: [
      'gives back exactly or refuses whatever is made of any kinds',
      'refuses what no format holds, with the path that is at fault',
    ],
    create: () => jsonSerializer({ lossy: 'allow' }),
  },
  {
    mistake: 'makes an empty object of null',
    breaks: ['makes no value of null and undefined: it gives them back or refuses them'],
    create: writing((value) => value ?? {}),
  },
  {
    mistake: 'makes data of instances without saying so',
    breaks: [
      'refuses instances of classes, with the path that is at fault',
      'refuses objects of which a copy would lose something, with the path that is at fault',
    ],
    create: () => json,
    options: { classInstances: 'refused' },
  },
  {
    mistake: 'holds nesting of a hundred only',
    breaks: ['holds nesting of 200 and refuses more'],
    create: writing((value) => (depthOf(value) > 100 ? refuse('Too deep.') : value)),
  },
  {
    mistake: 'counts a number as a level of nesting',
    breaks: ['holds whatever kind of value 200 levels deep'],
    create: writing((value) => (depthOf(value) > 200 ? refuse('Too deep.') : value)),
  },
  {
    mistake: 'gives the next caller the refusal of the one before',
    breaks: ['is not disturbed by a refusal'],
    create: text(({ serialize: right }) => {
      let isRefused = false;
      return {
        serialize(value) {
          if (isRefused) {
            isRefused = false;
            refuse('As before.');
          }
          isRefused = true;
          const payload = right(value);
          isRefused = false;
          return payload;
        },
      };
    }),
  },
  {
    mistake: 'empties arrays when it has written them',
    breaks: ['leaves what it is given as it was'],
    create: text(({ serialize: right }) => ({
      serialize(value) {
        const payload = right(value);
        if (Array.isArray(value)) Object.assign(value, [...value].reverse());
        return payload;
      },
    })),
  },
  {
    mistake: 'sets the prototype that an object names',
    breaks: ['lets no property named __proto__ pollute others'],
    create: reading((value) => (typeof value === 'object' ? Object.assign({}, value) : value)),
  },
  {
    mistake: 'gives the same object to all who read the same payload',
    breaks: ['gives each reader a value of its own, or one that nobody can change'],
    create: text(({ deserialize: right }) => {
      const read = new Map<string, unknown>();
      return {
        deserialize(payload) {
          if (!read.has(payload)) read.set(payload, right(payload));
          return read.get(payload);
        },
      };
    }),
  },
];

const brokenInPayloads: readonly BrokenSerializer[] = [
  {
    mistake: 'writes text and says that it is bytes',
    breaks: ['writes what its format says: text that is JSON, bytes, or either'],
    create: () => ({ ...json, format: 'binary' }) as unknown as Serializer,
  },
  {
    mistake: 'writes text that is no JSON',
    breaks: ['writes what its format says: text that is JSON, bytes, or either'],
    create: text(() => ({ serialize: (value) => `v1:${JSON.stringify(value)}` })),
  },
  {
    mistake: 'names another first byte than it writes',
    breaks: ['begins its bytes with a byte that it declares, from 0x80 on, which no JSON begins with'],
    create: checked(() => ({ formatByte: 0xf9 })),
  },
  {
    mistake: 'names a byte that JSON may begin with',
    breaks: ['begins its bytes with a byte that it declares, from 0x80 on, which no JSON begins with'],
    create: checked(() => ({ formatByte: 0x7b })),
  },
  {
    mistake: 'writes something else each time',
    breaks: ['writes the same payload for the same value each time, whoever writes it'],
    create: text(({ serialize: right }) => ({
      serialize: (value) => right(value) + ' '.repeat(1 + randomBytes(1).readUInt8()),
    })),
  },
  {
    mistake: 'writes into the same memory each time',
    breaks: ['gives each payload memory of its own, which no later call overwrites'],
    create: checked(({ serialize: right }) => {
      const memory = Buffer.alloc(1_000_000);
      return {
        serialize: (value) =>
          memory.subarray(0, memory.write(Buffer.from(right(value) as Uint8Array).toString('latin1'), 'latin1')),
      };
    }),
  },
  {
    mistake: 'hands the bytes of a value over as they lie in memory',
    breaks: ['keeps no hold of the bytes of a value that it has written'],
    create: checked(({ serialize: right }) => ({
      serialize: (value) => (value instanceof Uint8Array ? value : right(Object.keys(value as object))),
    })),
    options: { keeps: { uint8Array: true } },
  },
  {
    mistake: 'gives out views of the payload',
    breaks: [
      'shares no memory with the payload that it reads, and does not write into it',
      'gives bytes memory of their own, so that a few hold no large buffer',
    ],
    create: () => clone,
    options: { keeps: { uint8Array: true } },
  },
  {
    mistake: 'writes into the payload when it has read it',
    breaks: ['shares no memory with the payload that it reads, and does not write into it'],
    create: checked(({ deserialize: right }) => ({
      deserialize(payload) {
        const value = right(payload);
        payload[0] = 0;
        return value;
      },
    })),
  },
  {
    mistake: 'reads the whole buffer that a payload is a part of',
    breaks: ['reads a payload that is a part of a larger buffer'],
    create: checked(({ deserialize: right }) => ({ deserialize: ({ buffer }) => right(Buffer.from(buffer)) })),
  },
  {
    mistake: 'has a key that no other process knows',
    breaks: ['reads what another instance wrote, and is read by it'],
    create: checked(({ serialize: right, deserialize: read }) => {
      // Counted and not drawn: two instances must not come by the same one.
      madeInstances += 1;
      const key = 1 + (madeInstances % 255);
      const masked = (payload: Uint8Array): Uint8Array => payload.map((byte) => byte ^ key);
      return {
        serialize: (value) => masked(right(value) as Uint8Array),
        deserialize: (payload) => read(masked(payload)),
      };
    }),
  },
  {
    mistake: 'does not read what it wrote in an earlier version',
    breaks: ['reads what was stored before, by whichever version'],
    create: () => json,
    options: { stored: [{ payload: '1;', value: 1 }] },
  },
  {
    mistake: 'forgets what it is to write while it waits',
    breaks: ['keeps calls apart that overlap'],
    create: () => {
      let current: unknown;
      return {
        format: 'json',
        async serialize(value) {
          current = value;
          await Promise.resolve();
          return json.serialize(current);
        },
        deserialize: async (payload) => json.deserialize(payload),
      };
    },
  },
];

/** Reads what is behind the checksum, whatever it says. */
const unchecked = checked(() => ({
  deserialize: (payload) => json.deserialize(Buffer.from(payload.subarray(5)).toString()),
}));

const brokenByDamage: readonly BrokenSerializer[] = [
  {
    mistake: 'makes an empty object of what it cannot read',
    breaks: [
      'refuses a payload that ends early or goes on, wherever that is',
      'refuses bytes of which one bit is flipped, whichever it is',
      'refuses what begins like another format',
    ],
    create: checked(({ deserialize: right }) => ({
      deserialize(payload) {
        try {
          return right(payload);
        } catch {
          return {};
        }
      },
    })),
  },
  {
    mistake: 'does not look at its checksum',
    breaks: ['refuses bytes of which one bit is flipped, whichever it is', 'refuses what begins like another format'],
    create: unchecked,
  },
  {
    mistake: 'claims to tell every change and writes text',
    breaks: ['refuses bytes of which one bit is flipped, whichever it is'],
    create: () => json,
  },
  {
    mistake: 'lets the error of its parser out',
    breaks: [
      'answers flipped bits with a CacheCorruptionError, or with a value like any other',
      'answers what nobody wrote with a CacheCorruptionError, or with a value like any other',
      'puts no part of what is stored into the error of damage',
    ],
    create: text(() => ({ deserialize: (payload) => JSON.parse(payload) })),
  },
  {
    mistake: 'hides what it could not read behind its own error',
    breaks: ['puts no part of what is stored into the error of damage'],
    create: text(({ deserialize: right }) => ({
      deserialize(payload) {
        try {
          return right(payload);
        } catch {
          const error = new CacheCorruptionError('What is stored is damaged.');
          throw Object.defineProperty(error, Symbol('payload'), { value: { payload }, enumerable: false });
        }
      },
    })),
  },
  {
    mistake: 'never answers what is damaged',
    breaks: ['settles every call, be it refused, damaged or in order'],
    create: () => ({
      format: 'json',
      serialize: (value) => json.serialize(value),
      deserialize: async (payload) => {
        try {
          return json.deserialize(payload);
        } catch {
          return new Promise(() => {});
        }
      },
    }),
  },
  {
    mistake: 'quotes what it refuses',
    breaks: ['puts no part of a value into the error that refuses it'],
    create: text(({ serialize: right }) => ({
      serialize(value) {
        try {
          return right(value);
        } catch (error) {
          throw Object.assign(error as Error, { value });
        }
      },
    })),
  },
  {
    mistake: 'has its key as a property',
    breaks: ['puts no secret into a payload, an error or a property'],
    create: checked(() => ({ key: SECRET })),
  },
  {
    mistake: 'writes its key in front of each payload',
    breaks: ['puts no secret into a payload, an error or a property'],
    create: checked(({ serialize: right, deserialize: read }) => ({
      serialize: (value) => Buffer.concat([Buffer.of(0xf8), Buffer.from(SECRET), right(value) as Uint8Array]),
      deserialize: (payload) => read(payload.subarray(1 + SECRET.length)),
    })),
  },
];

const KINDS = Object.keys(EVERY_KIND) as (keyof KeptKinds)[];

/** The rules of a group that these kinds bring in, by how they begin. */
function rulesOf(keeps: Partial<KeptKinds>, beginning: string): string[] {
  const rules = serializerRules({ ...RIGHT, keeps }).filter(({ group }) => group === 'kinds of values');
  return rules.map(({ name }) => name).filter((name) => name.startsWith(beginning));
}

const brokenInKinds: readonly BrokenSerializer[] = KINDS.flatMap((kind) => [
  {
    mistake: `claims ${kind}, and makes of it what JSON does`,
    breaks: rulesOf({ [kind]: true }, 'keeps '),
    create:
      kind === 'loneSurrogate'
        ? writing((value) =>
            JSON.parse(Buffer.from(JSON.stringify(value).replaceAll(/\\ud[89a-f]../g, '?')).toString()),
          )
        : () => jsonSerializer({ lossy: 'allow' }),
    options: { keeps: { [kind]: true } },
  },
  {
    mistake: `makes of ${kind} what JSON does, without a word`,
    breaks: rulesOf({ ...EVERY_KIND, [kind]: false }, 'refuses '),
    create: () => jsonSerializer({ lossy: 'allow' }),
    options: { keeps: {} },
  },
  {
    mistake: `keeps ${kind} without declaring it, or refuses it without a path`,
    breaks: rulesOf({ ...EVERY_KIND, [kind]: false }, 'refuses '),
    create: () => clone,
    options: { keeps: {} },
  },
]);

export const BROKEN_SERIALIZERS: readonly BrokenSerializer[] = [
  ...brokenInValues,
  ...brokenInKinds,
  ...brokenInPayloads,
  ...brokenByDamage,
];
