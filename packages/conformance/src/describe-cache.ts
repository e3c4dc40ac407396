import type { ConformanceOptions } from './conformance-options.ts';
import { type ConformanceRule, conformanceRules } from './conformance-rules.ts';
import { globalTestRunner, type TestRunner } from './test-runner.ts';

/** Batches of ten thousand keys on a busy machine stay far below it; hangs are found by `callLimitMs`. */
const RULE_TIMEOUT_MS = 120_000;

/**
 * Declares one test for each rule of the contract that applies to a backend.
 *
 * ```ts
 * describeCache({
 *   name: 'InMemoryCache',
 *   create: ({ hooks, keyTransformer }) => new InMemoryCache({ maxSize: 100_000, hooks, keyTransformer }),
 *   capabilities: { batch: true, atomic: true },
 *   values: 'references',
 * });
 * ```
 *
 * @param runner whose `describe` and `it` to use; the globals of the test runner if not given
 */
export function describeCache(options: ConformanceOptions, runner: TestRunner = globalTestRunner()): void {
  const groups = new Map<string, ConformanceRule[]>();
  for (const rule of conformanceRules(options)) groups.set(rule.group, [...(groups.get(rule.group) ?? []), rule]);
  runner.describe(`${options.name} keeps the contract of a cache`, () => {
    for (const [group, rules] of groups) {
      runner.describe(group, () => {
        for (const { name, run } of rules) runner.it(name, run, RULE_TIMEOUT_MS);
      });
    }
  });
}
