import type { ConformanceRule } from './conformance-rules.ts';
import type { TestRunner } from './test-runner.ts';

/** Batches of ten thousand keys on a busy machine stay far below it; hangs are found by `callLimitMs`. */
const RULE_TIMEOUT_MS = 120_000;

/** Declares one test a rule, in a block a group. */
export function declareRules(title: string, rules: readonly ConformanceRule[], runner: TestRunner): void {
  const groups = new Map<string, ConformanceRule[]>();
  for (const rule of rules) groups.set(rule.group, [...(groups.get(rule.group) ?? []), rule]);
  runner.describe(title, () => {
    for (const [group, members] of groups) {
      runner.describe(group, () => {
        for (const { name, run } of members) runner.it(name, run, RULE_TIMEOUT_MS);
      });
    }
  });
}
