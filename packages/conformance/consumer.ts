import assert from 'node:assert/strict';
import { conformanceRules, describeCache } from '@cache/conformance';
import type { Cache } from '@cache/core';

/** A third party's backend that keeps no rule but the simplest. */
function forgetfulCache(): Cache {
  return { get: () => undefined, set: () => {}, removeItem: () => false, exists: () => false, clear: () => {} };
}

/** What the consumer test runs and compiles against the packed package, outside the workspace. */
export async function consume(): Promise<void> {
  const options = { name: 'forgetful', create: forgetfulCache };
  const rules = conformanceRules(options);
  const outcomes = await Promise.allSettled(rules.map(({ run }) => run()));
  assert.ok(
    outcomes.some(({ status }) => status === 'rejected'),
    'A cache that forgets everything breaks rules.',
  );

  const declared: string[] = [];
  describeCache(options, { describe: (_name, body) => body(), it: (name) => declared.push(name) });
  assert.equal(declared.length, rules.length);
}
