import type { ConformanceOptions } from './conformance-options.ts';
import { conformanceRules } from './conformance-rules.ts';
import { declareRules } from './declare-rules.ts';
import { globalTestRunner, type TestRunner } from './test-runner.ts';

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
  declareRules(`${options.name} keeps the contract of a cache`, conformanceRules(options), runner);
}
