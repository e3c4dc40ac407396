import { AssertionError } from 'node:assert';
import type { SerializerRuleGroup } from '../serializer-rule.ts';

export const settlingRules: SerializerRuleGroup = {
  title: 'settling',
  rules: [
    {
      name: 'settles every call, be it refused, damaged or in order',
      check: async (context) => {
        const serializer = await context.create();
        await context.forEachSample(async (sample) => {
          const payload = await serializer.serialize(sample);
          await expectSettled(() => serializer.deserialize(payload));
          await expectSettled(() => serializer.deserialize(payload.slice(0, payload.length >> 1)));
          await expectSettled(() => serializer.serialize([sample, () => 1]));
        });
      },
    },
  ],
};

/** Whatever the answer, it comes. */
async function expectSettled(call: () => Promise<unknown>): Promise<void> {
  try {
    await call();
  } catch (error) {
    if (error instanceof AssertionError) throw error;
  }
}
