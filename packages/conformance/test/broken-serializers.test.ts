import { serializerRules } from '@cache/conformance';
import { describe, expect, test } from '@jest/globals';
import { BROKEN_SERIALIZERS, type BrokenSerializer, RIGHT } from './broken-serializers.ts';

function rulesFor({ mistake, create, options }: BrokenSerializer): ReturnType<typeof serializerRules> {
  return serializerRules({ ...RIGHT, name: mistake, create, ...options });
}

const failed = new Set<string>();

describe('a serializer that', () => {
  test.each(BROKEN_SERIALIZERS)('$mistake breaks a rule', async (broken) => {
    const rules = rulesFor(broken);
    expect(broken.breaks).not.toEqual([]);
    for (const name of broken.breaks) {
      const rule = rules.find((each) => each.name === name);
      if (rule === undefined) throw new Error(`There is no rule: ${name}`);
      await expect(rule.run()).rejects.toThrow(expect.objectContaining({ name: 'AssertionError' }));
      failed.add(name);
    }
  });

  test('has no mistake breaks none', async () => {
    for (const { run } of serializerRules(RIGHT)) await run();
  });
});

test('each rule can fail: some serializer above breaks it', () => {
  const names = new Set(
    [RIGHT, ...BROKEN_SERIALIZERS.map(({ options }) => ({ ...RIGHT, ...options }))]
      .flatMap((options) => serializerRules(options))
      .map(({ name }) => name),
  );
  expect([...names].filter((name) => !failed.has(name))).toEqual([]);
});

test('a failure names the seed, and the same seed has the same outcome', async () => {
  const messageOf = async (seed: number): Promise<unknown> => {
    const broken = BROKEN_SERIALIZERS.find(({ mistake }) => mistake === 'loses the sign of zero');
    const rules = serializerRules({ ...RIGHT, ...broken, seed });
    const rule = rules.find(({ name }) => name === 'gives back exactly whatever is made of the kinds that it keeps');
    return rule?.run().catch(({ message }: Error) => message);
  };
  expect(await messageOf(7)).toContain('(seed: 7)');
  expect(await messageOf(7)).toBe(await messageOf(7));
  expect(await messageOf(8)).not.toBe(await messageOf(7));
});
