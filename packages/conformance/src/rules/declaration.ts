import { ensure } from '../assertions.ts';
import type { CacheCapabilities } from '../conformance-options.ts';
import type { RuleGroup } from '../rule.ts';

const CALLS: Partial<Record<keyof CacheCapabilities, readonly string[]>> = {
  batch: ['mget', 'mset', 'removeItems'],
  atomic: ['increment', 'decrement', 'setWithNx', 'getTtl', 'removeIfEquals', 'setTtlIfEquals'],
  tags: ['invalidateTags', 'expireTags'],
  leases: ['getEntries', 'getOrLease', 'fill', 'renew', 'release', 'expireItem'],
  iteration: ['keys', 'clearPrefix'],
  inspection: ['inspect'],
  cleanup: ['cleanupExpired'],
  closing: ['close'],
};

export const declarationRules: RuleGroup = {
  title: 'declaration',
  rules: [
    {
      name: 'has the five calls, and exactly the capabilities that are declared for it',
      check: async (context) => {
        const cache = (await context.createBare()) as unknown as Record<string, unknown>;
        for (const call of ['get', 'set', 'removeItem', 'exists', 'clear']) {
          ensure(typeof cache[call] === 'function', `the cache should have ${call}()`);
        }
        for (const [capability, calls] of Object.entries(CALLS)) {
          const isDeclared = context.has(capability as keyof CacheCapabilities);
          for (const call of calls) {
            const exists = typeof cache[call] === 'function';
            ensure(exists === isDeclared, explain(call, capability, isDeclared));
          }
        }
      },
    },
  ],
};

function explain(call: string, capability: string, isDeclared: boolean): string {
  return isDeclared
    ? `the capability "${capability}" is declared, but there is no ${call}()`
    : `there is ${call}(), but the capability "${capability}" is not declared: its rules would not be tested`;
}
