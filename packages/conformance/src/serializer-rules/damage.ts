import { AssertionError } from 'node:assert';
import { ensure, show } from '../assertions.ts';
import type { SerializerContext } from '../serializer-context.ts';
import type { SerializerRuleGroup } from '../serializer-rule.ts';
import type { Payload, TestedSerializer } from '../tested-serializer.ts';

const MOST_PLACES = 200;
const RANDOM_PAYLOADS = 5_000;

/** Texts that are no JSON. */
const FOREIGN_TEXTS = ['', ' ', 'undefined', 'NaN', '{', '[1', '{"a":', "{'a':1}", '<a/>', '\u0001', '\ufeff{}', '1 2'];

/** What others write: nothing, MessagePack, pickle, gzip, a compressed block, a clone of V8, text in UTF-16. */
const FOREIGN_BYTES = [
  '',
  '00',
  '81a16101',
  '80049503',
  '1f8b0800',
  '28b52ffd',
  'ff0f6f220161490249',
  '7b002200',
  'c1',
];

export const damageRules: SerializerRuleGroup = {
  title: 'damage',
  rules: [
    {
      name: 'refuses a payload that ends early or goes on, wherever that is',
      when: ({ detects }) => detects !== 'nothing',
      check: async (context) => {
        const serializer = await context.create();
        await forEachPayload(context, serializer, async (payload) => {
          for (const end of placesIn(context, payload.length)) {
            await serializer.expectCorrupt(payload.slice(0, end), `the first ${end} of ${payload.length}`);
          }
          await serializer.expectCorrupt(longer(payload), 'a payload that goes on');
        });
      },
    },
    {
      name: 'refuses bytes of which one bit is flipped, whichever it is',
      when: ({ detects }) => detects === 'every-change',
      check: async (context) => {
        const serializer = await context.create();
        let hasBytes = false;
        await forEachPayload(context, serializer, async (payload) => {
          if (typeof payload === 'string') return;
          hasBytes = true;
          for (const bit of placesIn(context, payload.length * 8)) {
            await serializer.expectCorrupt(flipped(payload, bit), `bytes with bit ${bit} flipped`);
          }
        });
        ensure(hasBytes, 'It should write some sample as bytes, or there is nothing that it can tell');
      },
    },
    {
      name: 'answers flipped bits with a CacheCorruptionError, or with a value like any other',
      check: async (context) => {
        const serializer = await context.create();
        await forEachPayload(context, serializer, async (payload) => {
          const bytes = Buffer.from(payload as string);
          for (const bit of placesIn(context, bytes.length * 8)) {
            const damaged = flipped(bytes, bit);
            const what = `a payload with bit ${bit} flipped`;
            if (typeof payload !== 'string') await serializer.expectCorruptOrWhole(damaged, what);
            else if (!overflows(damaged.toString())) await serializer.expectCorruptOrWhole(damaged.toString(), what);
          }
        });
      },
    },
    {
      name: 'refuses what begins like another format',
      check: async (context) => {
        const serializer = await context.create();
        const { format } = serializer.bare;
        if (format !== 'binary') {
          for (const text of FOREIGN_TEXTS) await serializer.expectCorrupt(text, show(text));
        }
        const declared = serializer.formatBytes;
        if (format === 'json' || declared === undefined) return;
        for (const hex of FOREIGN_BYTES) {
          const bytes = Buffer.from(hex, 'hex');
          if (!declared.includes(bytes[0] ?? -1)) await serializer.expectCorrupt(bytes, `the bytes ${hex}`);
        }
        await forEachPayload(context, serializer, async (payload) => {
          if (typeof payload === 'string') return;
          for (let first = 0x80; first <= 0xff; first += 1) {
            if (declared.includes(first)) continue;
            const other = Buffer.from(payload);
            other[0] = first;
            await serializer.expectCorrupt(other, `its own bytes after 0x${first.toString(16)}`);
          }
        });
      },
    },
    {
      name: 'answers what nobody wrote with a CacheCorruptionError, or with a value like any other',
      check: async (context) => {
        const serializer = await context.create();
        const { format } = serializer.bare;
        for (let count = 0; count < RANDOM_PAYLOADS; count += 1) {
          const bytes = context.random.bytes(context.random.below(64));
          const firsts = serializer.formatBytes ?? [];
          const marked = firsts.length > 0 ? Uint8Array.of(context.random.one(firsts), ...bytes) : bytes;
          if (format !== 'json') await serializer.expectCorruptOrWhole(marked, 'random bytes');
          const text = String.fromCharCode(...bytes.map((byte) => byte & 0x7f));
          if (format !== 'binary' && !overflows(text)) await serializer.expectCorruptOrWhole(text, 'random text');
        }
      },
    },
  ],
};

/** What is written of every value, none of which is a mere number: that may well be cut off and be a number. */
async function forEachPayload(
  context: SerializerContext,
  serializer: TestedSerializer,
  check: (payload: Payload) => Promise<void>,
): Promise<void> {
  for (const value of context.manyValues()) {
    const payload = await serializer.serialize(value);
    if (payload.length === 0) throw new AssertionError({ message: 'A payload should not be empty' });
    await check(payload);
  }
}

/** Every place from 0 to `count` - 1, or some at random where there are many. */
function placesIn({ random }: SerializerContext, count: number): number[] {
  if (count <= MOST_PLACES) return Array.from({ length: count }, (_, place) => place);
  return [0, count - 1, ...Array.from({ length: MOST_PLACES }, () => random.below(count))];
}

function flipped(payload: Uint8Array, bit: number): Buffer {
  const copy = Buffer.from(payload);
  copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  return copy;
}

/** Whether a text is JSON with a number such as 1e999, which JSON.parse reads as Infinity. */
function overflows(text: string): boolean {
  let isOver = false;
  try {
    JSON.parse(text, (_name, member: unknown) => {
      isOver ||= typeof member === 'number' && !Number.isFinite(member);
      return member;
    });
  } catch {
    return false;
  }
  return isOver;
}

function longer(payload: Payload): Payload {
  return typeof payload === 'string' ? `${payload}]` : Uint8Array.of(...payload, 0);
}
