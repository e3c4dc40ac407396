import { describe, expect, it } from '@jest/globals';
import { type Naivety, type Scenario, successors } from './coherence-model.ts';
import { initialWorld, nameOf, type World } from './coherence-world.ts';

interface Exploration {
  readonly worlds: number;
  readonly violation: string | undefined;
}

/** Visits every world that can be reached, each once, and stops at the first that breaks a promise. */
function explore(scenario: Scenario): Exploration {
  const [one, two] = scenario.writers;
  const isSymmetric = one === two && scenario.hasJoiner !== true;
  const seen = new Set<string>();
  const pending: World[] = [initialWorld(scenario.faults.length > 0 ? 1 : 0)];
  for (let world = pending.pop(); world !== undefined; world = pending.pop()) {
    for (const next of successors(world, scenario)) {
      if (next.violation !== undefined) return { worlds: seen.size, violation: next.violation };
      const name = nameOf(next, isSymmetric);
      if (seen.has(name)) continue;
      seen.add(name);
      pending.push(next);
    }
  }
  return { worlds: seen.size, violation: undefined };
}

const CALM: Scenario = { writers: ['remove', 'tag'], faults: [], naivety: 'none' };

const scenarios: readonly (readonly [title: string, scenario: Scenario])[] = [
  ['two removals', { ...CALM, writers: ['remove', 'remove'] }],
  ['two tags', { ...CALM, writers: ['tag', 'tag'] }],
  ['a removal and a tag', CALM],
  ['a process that crashes', { ...CALM, faults: ['crash', 'expired lease'] }],
  ['a message that is lost', { ...CALM, faults: ['lost message'] }],
  ['a lease that runs out', { ...CALM, faults: ['expired lease'] }],
  ['a reply that is lost', { ...CALM, faults: ['lost reply'] }],
  ['a removal and a tag, where misses are likely', { ...CALM, first: 'lease' }],
  ['a process that crashes, where misses are likely', { ...CALM, first: 'lease', faults: ['crash', 'expired lease'] }],
  ['callers who join', { ...CALM, writers: ['remove', 'remove'], hasJoiner: true }],
];

const controls: readonly (readonly [naivety: Naivety, scenario: Partial<Scenario>])[] = [
  ['keeps without a fence', {}],
  ['fills without a lease', {}],
  ['tells before it removes', {}],
  ['forgets once', {}],
  ['takes silence for health', { faults: ['lost message'] }],
  ['lets everybody join', { writers: ['remove', 'remove'], hasJoiner: true }],
];

describe('every interleaving of two readers and two writers in two processes', () => {
  it.each(scenarios)('nobody gets a value older than an acknowledged invalidation: %s', (_, scenario) => {
    const { worlds, violation } = explore(scenario);
    expect(violation).toBe(undefined);
    expect(worlds).toBeGreaterThan(1_000);
  });

  it.each(controls)('finds the hole in a cache that %s', (naivety, scenario) => {
    expect(explore({ ...CALM, ...scenario, naivety }).violation).toEqual(expect.any(String));
  });
});
