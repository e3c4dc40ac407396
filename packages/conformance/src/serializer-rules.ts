import { AssertionError } from 'node:assert';
import { randomInt } from 'node:crypto';
import type { ConformanceRule } from './conformance-rules.ts';
import { SerializerContext } from './serializer-context.ts';
import type { SerializerConformanceOptions } from './serializer-options.ts';
import { damageRules } from './serializer-rules/damage.ts';
import { kindRules } from './serializer-rules/kinds.ts';
import { payloadRules } from './serializer-rules/payloads.ts';
import { secrecyRules } from './serializer-rules/secrecy.ts';
import { settlingRules } from './serializer-rules/settling.ts';
import { serializerValueRules } from './serializer-rules/values.ts';

const SEEDS = 2 ** 31;

const RULE_GROUPS = [serializerValueRules, kindRules, payloadRules, damageRules, secrecyRules, settlingRules];

/** The rules that apply to a serializer, for those who want them without a test runner. */
export function serializerRules(options: SerializerConformanceOptions): ConformanceRule[] {
  const seed = options.seed ?? randomInt(SEEDS);
  return RULE_GROUPS.flatMap(({ title, rules }) =>
    rules
      .filter(({ when }) => when === undefined || when(options))
      .map(({ name, check }) => ({
        group: title,
        name,
        run: () => check(new SerializerContext(options, seed)).catch((error) => rethrow(error, seed)),
      })),
  );
}

function rethrow(error: unknown, seed: number): never {
  if (error instanceof AssertionError) error.message += ` (seed: ${seed})`;
  throw error;
}
