import { AssertionError } from 'node:assert';
import { sameStored } from '../same-stored.ts';
import { sameValue } from '../same-value.ts';
import type { KeptKinds } from '../serializer-options.ts';
import type { SerializerRule, SerializerRuleGroup } from '../serializer-rule.ts';
import type { TestedSerializer } from '../tested-serializer.ts';
import { KIND_SAMPLES, KIND_TITLES, KINDS } from './kind-samples.ts';

export const kindRules: SerializerRuleGroup = {
  title: 'kinds of values',
  rules: [...KINDS.map(keepsRule), ...KINDS.map(refusesRule)],
};

function keepsRule(kind: keyof KeptKinds): SerializerRule {
  const same = kind === 'error' ? sameValue : sameStored;
  return {
    name: `keeps ${KIND_TITLES[kind]}, by itself and within others`,
    when: ({ values, keeps }) => values === undefined && keeps?.[kind] === true,
    check: async (context) => {
      const serializer = await context.create();
      for (const sample of KIND_SAMPLES[kind]) {
        await serializer.expectKept(sample, same);
        await serializer.expectKept({ a: [sample, { b: sample }], '': [sample] }, same);
        if (context.kept.includes('map')) await serializer.expectKept(new Map([['k', sample]]), same);
        if (context.kept.includes('set')) await serializer.expectKept(new Set([sample]), same);
      }
    },
  };
}

function refusesRule(kind: keyof KeptKinds): SerializerRule {
  const title = KIND_TITLES[kind];
  return {
    name: `refuses ${title}, with the path that is at fault`,
    when: ({ values, keeps }) => values === undefined && keeps?.[kind] !== true,
    check: async (context) => {
      const serializer = await context.create();
      for (const sample of KIND_SAMPLES[kind]) {
        const value = { a: [0, { b: sample }] };
        await expectUndeclared(serializer, value, kind);
        await serializer.expectRefused(value, '$.a[1].b', title);
        await serializer.expectRefused(sample, '$', title);
      }
    },
  };
}

/** Fails for what is kept without being declared, so that nothing stays untested by oversight. */
async function expectUndeclared(serializer: TestedSerializer, value: unknown, kind: keyof KeptKinds): Promise<void> {
  const back = await serializer.roundTrip(value).catch(() => undefined);
  if (back === undefined || !sameStored(back, value)) return;
  throw new AssertionError({ message: `It keeps ${KIND_TITLES[kind]}: declare keeps: { ${kind}: true }` });
}
