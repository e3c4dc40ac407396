export type { AsyncCache } from './async-cache.ts';
export type { AtomicCache, CounterOptions } from './atomic-cache.ts';
export type { Awaitable } from './awaitable.ts';
export { entryListOf, validateKeyList } from './batch-arguments.ts';
export type { BatchCache } from './batch-cache.ts';
export type { Cache } from './cache.ts';
export {
  CacheClosedError,
  CacheCorruptionError,
  CacheError,
  type CacheErrorCode,
  type CacheErrorContext,
  CacheKeyError,
  CacheLockHeldError,
  CacheLockLostError,
  CacheOptionError,
  type CacheOutageContext,
  CacheTimeoutError,
  CacheUnavailableError,
  CacheValueError,
  type CacheValueErrorContext,
} from './cache-error.ts';
export type {
  CacheBreakerEvent,
  CacheBreakerState,
  CacheErrorEvent,
  CacheEventSource,
  CacheEvictEvent,
  CacheExpireEvent,
  CacheHookName,
  CacheHooks,
  CacheKeyEvent,
  CacheLevel,
  CacheLoadEvent,
  CacheOperation,
  CacheOperationEvent,
  CacheOutcome,
  CacheReadsEvent,
  EvictionReason,
} from './cache-hooks.ts';
export { type CacheItem, isCacheItemValid } from './cache-item.ts';
export { MAX_KEY_LENGTH, resolveKey, validateKey, validateKeyPrefix } from './cache-key.ts';
export {
  type CacheContents,
  type CacheCounts,
  type CacheSnapshot,
  CacheStatistics,
  type LatencySummary,
} from './cache-statistics.ts';
export { validateValue } from './cache-value.ts';
export type { CleanableCache, CleanupOptions } from './cleanable-cache.ts';
export type { ClosableCache } from './closable-cache.ts';
export { counterError, validateCounterAmount } from './counter.ts';
export { withDeadline } from './deadline.ts';
export { isDirectInstance, isPlainObject } from './direct-instance.ts';
export {
  DEFAULT_EXPIRATION_IN_SECONDS,
  type Expiration,
  MAX_EXPIRATION_IN_SECONDS,
  validateExpiration,
} from './expiration.ts';
export { type CacheErrorsByCode, hasErrorCode } from './has-error-code.ts';
export { createHookDispatcher, HookDispatcher } from './hook-dispatcher.ts';
export type { IdentifiableCache } from './identifiable-cache.ts';
export { InProcessBus, InProcessBusHub } from './in-process-bus.ts';
export type { InspectableCache } from './inspectable-cache.ts';
export type { Interruptible } from './interruptible.ts';
export type { BusGap, Invalidation, InvalidationBus, InvalidationListener } from './invalidation-bus.ts';
export type { IterableCache } from './iterable-cache.ts';
export { type JsonSerializerOptions, jsonSerializer, type SyncJsonSerializer } from './json-serializer.ts';
export { KeyGroups } from './key-groups.ts';
export {
  composeKeyTransformers,
  type KeyTransformer,
  prefixKeys,
  type Sha256KeysOptions,
  sha256Keys,
} from './key-transformer.ts';
export { type LatencyBucket, LatencyHistogram } from './latency-histogram.ts';
export { leaseInSecondsOf, loadDurationMsOf, staleInSecondsOf } from './lease-options.ts';
export {
  ABSENT,
  type Absent,
  type AbsentEntry,
  type CacheEntry,
  DEFAULT_LEASE_IN_SECONDS,
  type EntryOptions,
  type FillOptions,
  type FreshEntry,
  type Lease,
  type LeaseOptions,
  type LeasingCache,
  type MissingEntry,
  type StaleEntry,
} from './leasing-cache.ts';
export { mixedFormats } from './mixed-formats.ts';
export { OutageWarning } from './outage-warning.ts';
export type { PingableCache } from './pingable-cache.ts';
export type { PublishingCache } from './publishing-cache.ts';
export { type RedactedCause, redactedCause } from './redacted-cause.ts';
export type { RenewableCache } from './renewable-cache.ts';
export type { BinarySerializer, JsonSerializer, MixedSerializer, Serializer } from './serializer.ts';
export { type SeriesLabels, SeriesTable } from './series-table.ts';
export { expirationOf, type SetOptions, tagsOf } from './set-options.ts';
export type { TaggedCache } from './tagged-cache.ts';
export { MAX_TAG_LENGTH, MAX_TAGS_PER_ITEM, validateTagList, validateTags } from './tags.ts';
export { type Asynchronous, toAsync } from './to-async.ts';
export { MAX_VALUE_DEPTH, MAX_VALUE_OBJECTS } from './unserializable.ts';
export { validateSerializer } from './validate-serializer.ts';
export { validateWatched } from './validate-watched.ts';
export { type ValueVisitor, ValueWalk } from './value-walk.ts';
