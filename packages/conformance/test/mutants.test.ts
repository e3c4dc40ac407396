import { type ConformanceRule, conformanceRules, EVERY_CAPABILITY } from '@cache/conformance';
import { describe, expect, test } from '@jest/globals';
import { type Mutant, World } from './mutants/mutant.ts';
import { mutantsOfAtomicCalls, mutantsOfBatches } from './mutants/of-batches-and-counters.ts';
import { mutantsOfExpirationAndRemoval } from './mutants/of-expiration-and-removal.ts';
import { mutantsOfKeysAndValues } from './mutants/of-keys-and-values.ts';
import { mutantsOfLeases } from './mutants/of-leases.ts';
import { mutantsOfTags } from './mutants/of-tags.ts';
import { mutantsOfTheRest } from './mutants/of-the-rest.ts';

const MUTANTS = [
  ...mutantsOfKeysAndValues,
  ...mutantsOfExpirationAndRemoval,
  ...mutantsOfBatches,
  ...mutantsOfAtomicCalls,
  ...mutantsOfTags,
  ...mutantsOfLeases,
  ...mutantsOfTheRest,
];

const RIGHT: Mutant = { mistake: 'none', groups: [] };

function rulesFor(mutant: Mutant): ConformanceRule[] {
  const world = new World();
  return conformanceRules({
    name: mutant.mistake,
    create: (options) => world.create(mutant, options),
    capabilities: EVERY_CAPABILITY,
    advance: (seconds) => {
      world.now += seconds;
    },
    callLimitMs: 200,
    ...mutant.options,
  });
}

/** The names of the rules that the mutant breaks. */
async function brokenRules(mutant: Mutant): Promise<string[]> {
  const broken: string[] = [];
  for (const { group, name, run } of rulesFor(mutant)) {
    if (!mutant.groups.includes(group)) continue;
    await run().catch(() => broken.push(`${group}: ${name}`));
  }
  return broken;
}

const found = new Set<string>();

describe('a cache that', () => {
  test.each(MUTANTS)(
    '$mistake breaks a rule',
    async (mutant) => {
      const broken = await brokenRules(mutant);
      for (const name of broken) found.add(name);
      expect(broken).not.toEqual([]);
    },
    60_000,
  );
});

test('each rule can fail: some cache above breaks it', () => {
  const rules = [...rulesFor(RIGHT), ...rulesFor({ ...RIGHT, options: { values: 'references' } })];
  const names = new Set(rules.map(({ group, name }) => `${group}: ${name}`));
  expect([...names].filter((name) => !found.has(name))).toEqual([]);
});
