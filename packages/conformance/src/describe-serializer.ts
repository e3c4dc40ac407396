import { declareRules } from './declare-rules.ts';
import type { SerializerConformanceOptions } from './serializer-options.ts';
import { serializerRules } from './serializer-rules.ts';
import { globalTestRunner, type TestRunner } from './test-runner.ts';

/**
 * Declares one test for each rule that a serializer must keep: exact or refused, what is damaged told by a
 * `CacheCorruptionError`, no value in an error.
 *
 * ```ts
 * describeSerializer({
 *   name: 'msgpackSerializer',
 *   create: () => msgpackSerializer(),
 *   keeps: { date: true, map: true, set: true, bigint: true },
 * });
 * ```
 *
 * @param runner whose `describe` and `it` to use; the globals of the test runner if not given
 */
export function describeSerializer(
  options: SerializerConformanceOptions,
  runner: TestRunner = globalTestRunner(),
): void {
  declareRules(`${options.name} keeps the contract of a serializer`, serializerRules(options), runner);
}
