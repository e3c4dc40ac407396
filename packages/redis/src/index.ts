export type { RedisConnectOptions } from './connect.ts';
export { type Publication, RedisBus, type RedisBusOptions, redisBus } from './redis-bus.ts';
export { RedisCache } from './redis-cache.ts';
export type { RedisCacheOptions } from './redis-cache-options.ts';
export type {
  ClusterClient,
  ClusterNodeInfo,
  RedisArgument,
  RedisClient,
  RedisConnection,
  SentinelClient,
  StandaloneClient,
} from './redis-client.ts';
