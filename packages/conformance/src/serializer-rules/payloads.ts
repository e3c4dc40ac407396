import { AssertionError } from 'node:assert';
import { ensure, show } from '../assertions.ts';
import { equalStored, print } from '../same-stored.ts';
import type { SerializerRuleGroup } from '../serializer-rule.ts';
import type { Payload } from '../tested-serializer.ts';

export const payloadRules: SerializerRuleGroup = {
  title: 'payloads',
  rules: [
    {
      name: 'writes what its format says: text that is JSON, bytes, or either',
      check: async (context) => {
        const serializer = await context.create();
        const { format } = serializer.bare;
        ensure(['json', 'binary', 'mixed'].includes(format), `format should be json, binary or mixed; got ${format}`);
        await context.forEachSample(async (sample) => {
          const payload = await serializer.serialize(sample);
          if (typeof payload === 'string') {
            ensure(format !== 'binary', 'A binary serializer should write bytes; it wrote text');
            ensureJson(payload);
          } else {
            ensure(payload instanceof Uint8Array, `A payload should be text or a Uint8Array; got ${show(payload)}`);
            ensure(format !== 'json', 'A serializer of JSON should write text; it wrote bytes');
          }
        });
      },
    },
    {
      name: 'begins its bytes with a byte that it declares, from 0x80 on, which no JSON begins with',
      check: async (context) => {
        const serializer = await context.create();
        const declared = serializer.formatBytes;
        for (const byte of declared ?? []) {
          ensure(Number.isInteger(byte) && byte >= 0x80 && byte <= 0xff, `${byte} should be from 0x80 to 0xff`);
        }
        await context.forEachSample(async (sample) => {
          const payload = await serializer.serialize(sample);
          if (typeof payload === 'string' || declared === undefined) return;
          ensure(declared.includes(payload[0] ?? -1), `A payload should not begin with ${payload[0]}: not declared`);
        });
      },
    },
    {
      name: 'writes the same payload for the same value each time, whoever writes it',
      when: ({ isDeterministic }) => isDeterministic !== false,
      check: async (context) => {
        const [one, other] = [await context.create(), await context.create()];
        await context.forEachSample(async (sample) => {
          const payload = await one.serialize(sample);
          for (const again of [await one.serialize(sample), await other.serialize(sample)]) {
            equalStored(again, payload, 'what is written again');
          }
        });
      },
    },
    {
      name: 'gives each payload memory of its own, which no later call overwrites',
      check: async (context) => {
        const serializer = await context.create();
        const written: [payload: Payload, before: string][] = [];
        for (const value of context.manyValues()) {
          const payload = await serializer.serialize(value);
          written.push([payload, print(payload)]);
          await serializer.deserialize(payload);
        }
        const isIntact = written.every(([payload, before]) => print(payload) === before);
        ensure(isIntact, 'A payload should stay as it was written while others are written and read');
      },
    },
    {
      name: 'keeps no hold of the bytes of a value that it has written',
      when: ({ values, keeps }) => values === undefined && (keeps?.uint8Array === true || keeps?.buffer === true),
      check: async (context) => {
        const serializer = await context.create();
        for (const length of [3, 300, 100_000]) {
          const bytes = context.options.keeps?.uint8Array === true ? new Uint8Array(length) : Buffer.alloc(length);
          const bare = await serializer.serialize(bytes);
          const within = await serializer.serialize({ bytes });
          const before = print([bare, within]);
          bytes.fill(9);
          ensure(print([bare, within]) === before, 'A payload should not change with the bytes that were written');
        }
      },
    },
    {
      name: 'shares no memory with the payload that it reads, and does not write into it',
      check: async (context) => {
        const serializer = await context.create();
        for (const value of context.manyValues()) {
          const payload = await serializer.serialize(value);
          const before = print(payload);
          const back = await serializer.deserialize(payload);
          ensure(print(payload) === before, 'A payload should be as it was before it was read');
          if (typeof payload !== 'string') payload.fill(0xff);
          equalStored(back, value, 'what was read, after its payload was overwritten');
        }
      },
    },
    {
      name: 'gives bytes memory of their own, so that a few hold no large buffer',
      when: ({ values, keeps }) => values === undefined && keeps?.uint8Array === true,
      check: async (context) => {
        const serializer = await context.create();
        for (const length of [0, 2, 300]) {
          const back = (await serializer.roundTrip([new Uint8Array(length)])) as [Uint8Array];
          const { byteLength } = back[0].buffer;
          ensure(byteLength === length, `${length} bytes should have a buffer of ${length} bytes; got ${byteLength}`);
        }
      },
    },
    {
      name: 'reads a payload that is a part of a larger buffer',
      check: async (context) => {
        const serializer = await context.create();
        await context.forEachSample(async (sample) => {
          const payload = await serializer.serialize(sample);
          if (typeof payload === 'string') return;
          for (const headBytes of [1, 2, 3, 8]) {
            const larger = Buffer.concat([Buffer.alloc(headBytes, 0x7b), payload, Buffer.alloc(5, 0x7d)]);
            const part = larger.subarray(headBytes, headBytes + payload.length);
            for (const bytes of [part, new Uint8Array(part.buffer, part.byteOffset, part.byteLength)]) {
              await serializer.expectRead(bytes, sample, 'what is read from a part of a buffer');
            }
          }
        });
      },
    },
    {
      name: 'reads what another instance wrote, and is read by it',
      check: async (context) => {
        const [one, other] = [await context.create(), await context.create()];
        await context.forEachSample(async (sample) => {
          for (const [writer, reader] of [
            [one, other],
            [other, one],
          ] as const) {
            await reader.expectRead(await writer.serialize(sample), sample, 'what another instance reads');
          }
        });
      },
    },
    {
      name: 'reads what was stored before, by whichever version',
      when: ({ stored }) => stored !== undefined,
      check: async (context) => {
        const serializer = await context.create();
        for (const { payload, value } of context.options.stored ?? []) {
          await serializer.expectRead(payload, value, `what ${show(payload)} is read as`);
        }
      },
    },
    {
      name: 'keeps calls apart that overlap',
      check: async (context) => {
        const serializer = await context.create();
        const values = context.manyValues();
        const payloads = await Promise.all(values.map((value) => serializer.serialize(value)));
        const backs = await Promise.all(payloads.map((payload) => serializer.deserialize(payload)));
        equalStored(backs, values, 'the answers of calls that overlap');
      },
    },
  ],
};

function ensureJson(text: string): void {
  try {
    JSON.parse(text);
  } catch {
    throw new AssertionError({ message: `Text should be JSON; got ${show(text)}` });
  }
}
