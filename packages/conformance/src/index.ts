export {
  type AnyCache,
  type CacheCapabilities,
  type ConformanceOptions,
  type CreateCacheOptions,
  EVERY_CAPABILITY,
  type ValueContract,
} from './conformance-options.ts';
export { type ConformanceRule, conformanceRules } from './conformance-rules.ts';
export { describeCache } from './describe-cache.ts';
export { settle } from './settle.ts';
export type { TestRunner } from './test-runner.ts';
