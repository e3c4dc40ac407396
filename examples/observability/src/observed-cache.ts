import { CacheStatistics } from '@cache/core';
import { InMemoryCache } from '@cache/memory';
import { prometheusHooks } from '@cache/prometheus';
import { RedisCache } from '@cache/redis';
import { createCache, type StackCache } from '@cache/stack';
import { Registry } from 'prom-client';
import { logFailures } from './failure-log.ts';
import { logSlowLoads } from './slow-load-log.ts';

/** A cache of two levels whose every call is counted. */
export interface ObservedCache extends AsyncDisposable {
  readonly cache: StackCache;
  readonly register: Registry;
  readonly statistics: CacheStatistics;
}

const SLOW_LOAD_MS = 200;
const FAILURE_LOG_INTERVAL_MS = 60_000;

/** Memory over Redis under one name, so that metrics tell them apart by their backend. */
export async function openObservedCache(
  redisUrl: string,
  prefix: string,
  log: (line: string) => void,
): Promise<ObservedCache> {
  const register = new Registry();
  const statistics = new CacheStatistics();
  const metrics = prometheusHooks({ register, keyGroup: (key) => key.split(':', 1)[0] });
  const everywhere = [metrics, statistics, logFailures(FAILURE_LOG_INTERVAL_MS, log)];

  const name = 'users';
  const l1 = new InMemoryCache({ name, hooks: everywhere, maxSize: 1_000 });
  const l2 = await RedisCache.connect(redisUrl, { name, hooks: everywhere, prefix });
  const cache = createCache({ name, l1, l2, hooks: [...everywhere, logSlowLoads(SLOW_LOAD_MS, log)] });
  for (const watching of [metrics, statistics]) watching.watch({ cache: name, backend: 'memory' }, () => l1);

  return {
    cache,
    register,
    statistics,
    async [Symbol.asyncDispose]() {
      await cache.close();
      await l2.close();
      l1.close();
    },
  };
}
