export type { CacheCall } from './cache-calls.ts';
export {
  type CorruptingOptions,
  corruptingCache,
  type FailingOptions,
  failingCache,
  type HangingOptions,
  hangingCache,
  type SlowOptions,
  slowCache,
} from './chaos.ts';
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
export { describeSerializer } from './describe-serializer.ts';
export { type FaultOptions, type InterceptedCall, interceptCalls } from './intercepted-cache.ts';
export {
  EVERY_KIND,
  type KeptKinds,
  type SerializerConformanceOptions,
  type StoredPayload,
} from './serializer-options.ts';
export { serializerRules } from './serializer-rules.ts';
export { settle } from './settle.ts';
export type { TestRunner } from './test-runner.ts';
