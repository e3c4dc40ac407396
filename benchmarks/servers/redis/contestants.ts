import type { Contestant } from '../contestant.ts';
import { bentocache } from './bentocache.ts';
import { cacheManager } from './cache-manager.ts';
import { cacheRedis, cacheRedisOnClient } from './cache-redis.ts';
import { cacheable } from './cacheable.ts';
import { ioredis, ioredisAutoPipelining } from './ioredis.ts';
import { keyv } from './keyv.ts';
import { nodeRedis, nodeRedisTimeoutOff, nodeRedisTimeoutOffAgain } from './node-redis.ts';
import { unstorage } from './unstorage.ts';

/** Everybody who is measured on Redis, in the order of the table. */
export const contestants: readonly Contestant[] = [
  cacheRedis,
  cacheRedisOnClient,
  nodeRedisTimeoutOff,
  nodeRedisTimeoutOffAgain,
  nodeRedis,
  ioredis,
  ioredisAutoPipelining,
  keyv,
  cacheManager,
  cacheable,
  bentocache,
  unstorage,
];
