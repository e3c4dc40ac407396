import type { StackOptions } from '@cache/stack';
import { runCount } from '@cache/test-servers';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { World } from './processes.ts';
import { type Condition, UnreliableLevel } from './unreliable-level.ts';

/*
 * One process whose way to the second level fails and comes back as it likes, in the middle of its calls. The source of each
 * key is a version that every change raises; a loaded value is the version at that moment.
 *
 * Invariants:
 * 1. After an invalidation has settled, fulfilled or rejected as queued, no read of this process that begins later shows a
 *    version from before it. The same after a set, whatever became of it.
 * 2. When the way has been good for a while, no process shows one either, and the queue is empty.
 * 3. Every call settles within its deadlines, and nothing is left behind.
 */
const KEYS = ['a', 'b'] as const;
type Key = (typeof KEYS)[number];

type Step =
  | {
      readonly do: 'get' | 'getOrSet' | 'force' | 'removeItem' | 'expireItem' | 'invalidateTags' | 'set';
      readonly key: Key;
    }
  | { readonly do: 'clear' }
  | { readonly do: 'become'; readonly condition: Condition }
  | { readonly do: 'wait'; readonly ms: number };

const steps = fc.array(
  fc.oneof(
    { weight: 8, arbitrary: keyed('get', 'getOrSet', 'getOrSet', 'force') },
    { weight: 5, arbitrary: keyed('removeItem', 'removeItem', 'expireItem', 'invalidateTags', 'set') },
    { weight: 1, arbitrary: fc.constant({ do: 'clear' } as const) },
    {
      weight: 4,
      arbitrary: fc
        .constantFrom<Condition[]>('up', 'up', 'refusing', 'silent', 'deaf', 'locked', 'readOnly')
        .map((condition) => ({ do: 'become', condition }) as const),
    },
    { weight: 6, arbitrary: fc.constantFrom(0, 1, 60, 249, 251, 700).map((ms) => ({ do: 'wait', ms }) as const) },
  ) as fc.Arbitrary<Step>,
  { minLength: 5, maxLength: 40 },
);

function keyed(...names: Exclude<Step['do'], 'clear' | 'become' | 'wait'>[]): fc.Arbitrary<Step> {
  return fc.record({ do: fc.constantFrom(...names), key: fc.constantFrom(...KEYS) }) as fc.Arbitrary<Step>;
}

/** Runs them, and gives the first complaint. */
async function play(script: readonly Step[], options: Partial<StackOptions>): Promise<string | undefined> {
  const world = new World();
  const level = new UnreliableLevel(world.shared, world.timers);
  const hooks = { onError: () => {} };
  const cache = world.process({ l2: level.cache, hooks, breaker: { failureThreshold: 2 }, ...options });
  const others = [world.process({ hooks }), world.plain({ hooks })];
  const source: Record<Key, number> = { a: 1, b: 1 };
  const settledAt: Record<Key, number> = { a: 0, b: 0 };
  const pending = new Set<Promise<unknown>>();
  let complaint: string | undefined;
  const start = (work: Promise<unknown>): void => {
    const settled = work.catch(() => {}).finally(() => pending.delete(settled));
    pending.add(settled);
  };
  const load = (key: Key) => async () => source[key];
  const read = async (key: Key, ask: () => Promise<number | undefined>): Promise<void> => {
    const atLeast = settledAt[key];
    const version = await ask();
    if (version !== undefined && version < atLeast) complaint ??= `${key} is ${version}, and ${atLeast} was told`;
  };
  const change = async (keys: readonly Key[], tell: (version: number) => Promise<unknown>): Promise<void> => {
    const versions = keys.map((key) => {
      source[key] += 1;
      return [key, source[key]] as const;
    });
    await tell(versions[0]?.[1] ?? 0).catch(() => {});
    for (const [key, version] of versions) settledAt[key] = Math.max(settledAt[key], version);
  };
  const carryOut = (step: Step): Promise<unknown> => {
    switch (step.do) {
      case 'get':
        return read(step.key, () => cache.get<number>(step.key));
      case 'getOrSet':
      case 'force': {
        const settings = { tags: [step.key], staleInSeconds: 0, force: step.do === 'force' };
        return read(step.key, () => cache.getOrSet<number>(step.key, load(step.key), settings));
      }
      case 'removeItem':
        return change([step.key], () => cache.removeItem(step.key));
      case 'expireItem':
        return change([step.key], () => cache.expireItem(step.key));
      case 'invalidateTags':
        return change([step.key], () => cache.invalidateTags([step.key]));
      case 'set':
        return change([step.key], (version) => cache.set(step.key, version, { tags: [step.key] }));
      case 'clear':
        return change(KEYS, () => cache.clear());
      case 'become':
        level.become(step.condition);
        return Promise.resolve();
      case 'wait':
        return Promise.resolve();
    }
  };
  for (const step of script) {
    start(carryOut(step));
    await world.timers.advance(step.do === 'wait' ? step.ms : 0);
  }
  level.become('up');
  await world.timers.advance(10_000);
  if (pending.size > 0) return `${pending.size} calls have not settled`;
  for (const { get } of [cache, ...others].map((one) => ({ get: (key: Key) => one.get<number>(key) }))) {
    for (const key of KEYS) await read(key, () => get(key));
  }
  if ((cache.breaker?.queuedInvalidations ?? 0) > 0) complaint ??= 'the queue is not empty';
  if (cache.breaker !== undefined && cache.breaker.state !== 'closed') complaint ??= 'it has not recovered';
  for (const one of [cache, ...others]) await one.close();
  if (world.timers.pending > 0) complaint ??= `${world.timers.pending} timers are left`;
  return complaint;
}

describe('row 39: whatever becomes of the way to the second level', () => {
  it('this process never shows what it tried to remove, and in the end nobody does', async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (script) => {
        expect(await play(script, {})).toBe(undefined);
      }),
      { numRuns: runCount({ sample: 500, whole: 5_000 }) },
    );
  }, 600_000);

  it('the same with onUnavailable: "queue", and with a queue so short that it overflows', async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (script) => {
        expect(await play(script, { onUnavailable: 'queue', maxQueuedInvalidations: 1 })).toBe(undefined);
      }),
      { numRuns: runCount({ sample: 500, whole: 5_000 }) },
    );
  }, 600_000);

  it('control: without a breaker it does', async () => {
    const naive = fc.assert(
      fc.asyncProperty(steps, async (script) => {
        expect(await play(script, { breaker: false })).toBe(undefined);
      }),
      { numRuns: 1_500, endOnFailure: true },
    );
    await expect(naive).rejects.toThrow('Property failed');
  }, 120_000);
});
