import { inspect } from 'node:util';
import { ensure } from '../assertions.ts';
import type { SerializerContext } from '../serializer-context.ts';
import type { SerializerRuleGroup } from '../serializer-rule.ts';
import type { Payload, TestedSerializer } from '../tested-serializer.ts';

/** Repeated, since messages quote a few letters before and after a place. */
const CANARY = 'Zq7Zq7Zq7Zq7Zq7Zq7Zq7Zq7';
const CANARY_PART = 'Zq7Zq7';

export const secrecyRules: SerializerRuleGroup = {
  title: 'secrecy',
  rules: [
    {
      name: 'puts no part of a value into the error that refuses it',
      check: async (context) => {
        const serializer = await context.create();
        const values = [
          { secret: CANARY, list: [CANARY, () => CANARY] },
          [CANARY, Symbol(CANARY)],
          { a: { toJSON: () => raise(CANARY) } },
          Object.defineProperty({}, 'a', { enumerable: true, get: () => raise(CANARY) }),
          new Proxy({}, { ownKeys: () => raise(CANARY) }),
          [new Proxy({ a: 1 }, { get: () => raise(CANARY) })],
          [new Map([[CANARY, () => 1]])],
          [new Error(CANARY), () => 1],
          [`${CANARY}\ud800`, { [CANARY]: CANARY }, () => 1],
        ];
        for (const value of values) {
          const error = await errorOf(() => serializer.serialize(value));
          ensure(error !== undefined, 'A value that cannot be read should be refused');
          ensure(!told(error).includes(CANARY_PART), 'The error of serialize should not carry the value');
        }
      },
    },
    {
      name: 'puts no part of what is stored into the error of damage',
      check: async (context) => {
        const serializer = await context.create();
        let errors = 0;
        for (const payload of await damagedPayloads(context, serializer)) {
          const error = await errorOf(() => serializer.deserialize(payload));
          if (error === undefined) continue;
          errors += 1;
          ensure(!told(error).includes(CANARY_PART), 'The error of deserialize should not carry what is stored');
        }
        ensure(errors > 0, 'Some payload should be damaged enough to be refused');
      },
    },
    {
      name: 'puts no secret into a payload, an error or a property',
      when: ({ secrets }) => secrets !== undefined,
      check: async (context) => {
        const serializer = await context.create();
        const seen = [told(serializer.bare)];
        for (const payload of await damagedPayloads(context, serializer)) {
          seen.push(told(await errorOf(() => serializer.deserialize(payload))));
        }
        seen.push(told(await errorOf(() => serializer.serialize([() => 1]))));
        await context.forEachSample(async (sample) => {
          seen.push(Buffer.from((await serializer.serialize(sample)) as string).toString('latin1'));
        });
        for (const secret of context.options.secrets ?? []) {
          const isHidden = seen.every((text) => !text.includes(Buffer.from(secret).toString('latin1')));
          ensure(isHidden, 'A secret should be in no payload, error or property');
        }
      },
    },
  ],
};

/** Payloads with the canary in them and something wrong: cut off, and spliced into what was written. */
async function damagedPayloads(context: SerializerContext, serializer: TestedSerializer): Promise<Payload[]> {
  const payloads: Payload[] = [];
  await context.forEachSample(async (sample) => void payloads.push(await serializer.serialize(sample)));
  if (context.options.values === undefined)
    payloads.push(await serializer.serialize({ secret: CANARY, list: [CANARY] }));
  return payloads.flatMap((payload) => {
    const ends = [1, payload.length >> 1, payload.length - 3, payload.length - 1, payload.length];
    return ends.flatMap((end): Payload[] => {
      const head = payload.slice(0, end);
      return typeof head === 'string'
        ? [head, `${head}${CANARY}`, `${head}"${CANARY}`, `{"secret":"${CANARY}"`, CANARY]
        : [head, Buffer.concat([head, Buffer.from(CANARY)]), Buffer.from(CANARY)];
    });
  });
}

async function errorOf(call: () => Promise<unknown>): Promise<unknown> {
  try {
    await call();
    return undefined;
  } catch (error) {
    return error;
  }
}

/** Everything that a log could show of it. */
function told(value: unknown): string {
  const { message, stack } = value instanceof Error ? value : { message: '', stack: '' };
  return `${message} ${stack} ${JSON.stringify(value)} ${inspect(value, { showHidden: true, depth: 9 })}`;
}

function raise(message: string): never {
  throw new Error(message);
}
