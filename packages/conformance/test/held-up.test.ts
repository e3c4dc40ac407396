import { conformanceRules } from '@cache/conformance';
import { expect, test } from '@jest/globals';
import { MapCache } from './map-cache.ts';

type Call = Parameters<MapCache['setTtlIfEquals']>;

/** As on a machine that has no time for it: the process stands still before the call, longer than the rule's lifetime. */
class HeldUpCache extends MapCache {
  static calls = 0;

  override setTtlIfEquals(...call: Call): boolean {
    if (call[0] === 'longer') HeldUpCache.calls += 1;
    const untilMs = performance.now() + 300;
    while (performance.now() < untilMs);
    return super.setTtlIfEquals(...call);
  }
}

class WrongCache extends MapCache {
  static calls = 0;

  override setTtlIfEquals(key: string): boolean {
    if (key === 'longer') WrongCache.calls += 1;
    return false;
  }
}

class HeldUpAndWrongCache extends HeldUpCache {
  override setTtlIfEquals(...call: Call): boolean {
    return !super.setTtlIfEquals(...call);
  }
}

function run(create: () => MapCache): Promise<void> {
  const rules = conformanceRules({ name: 'map', capabilities: { atomic: true }, create });
  const rule = rules.find(({ name }) => name.startsWith('counts the lifetime of setTtlIfEquals'));
  return (rule as (typeof rules)[number]).run();
}

test('a rule whose lifetime passed because the machine held it up is run again with a longer one', async () => {
  await run(() => new HeldUpCache());
  expect(HeldUpCache.calls).toBeGreaterThan(1);
});

test('a cache that breaks the rule fails it at once', async () => {
  await expect(run(() => new WrongCache())).rejects.toThrow('setTtlIfEquals');
  expect(WrongCache.calls).toBe(1);
});

test('a machine that is held up is no excuse for a cache that breaks the rule', async () => {
  await expect(run(() => new HeldUpAndWrongCache())).rejects.toThrow('setTtlIfEquals');
});
