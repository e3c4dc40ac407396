import { InMemoryCache } from '@cache/memory';
import { RedisCache } from '@cache/redis';
import { createCache as createStack } from '@cache/stack';
import KeyvRedis from '@keyv/redis';
import { createCache as createDeduped } from 'async-cache-dedupe';
import { BentoCache, bentostore } from 'bentocache';
import { memoryDriver } from 'bentocache/drivers/memory';
import { redisDriver } from 'bentocache/drivers/redis';
import { createCache as createManager } from 'cache-manager';
import { Cacheable } from 'cacheable';
import { Redis } from 'ioredis';
import { Keyv } from 'keyv';
import { RedisCache as LayeredRedisCache, Loader } from 'layered-loader';
import { LRUCache } from 'lru-cache';

export interface User {
  readonly id: string;
  readonly name: string;
  readonly roles: readonly string[];
}

export type Load = (key: string) => Promise<User>;

/** What every contestant can be asked; a library without a bare read answers through its loader. */
export interface Contestant {
  get(key: string): Promise<unknown>;
  getOrSet(key: string): Promise<unknown>;
  close(): Promise<unknown>;
}

export interface Roster {
  readonly name: string;
  /** True if it can have a level in Redis. */
  readonly isShared: boolean;
  create(level: 'memory' | 'memory and Redis', url: string, prefix: string, load: Load): Promise<Contestant>;
}

const MAX_ITEMS = 10_000;
const TTL_MS = 300_000;

const stack: Roster = {
  name: '@cache/stack',
  isShared: true,
  async create(level, url, prefix, load) {
    const l1 = new InMemoryCache<User>({ maxSize: MAX_ITEMS });
    const l2 = level === 'memory' ? undefined : await RedisCache.connect<User>(url, { prefix });
    // Without a bus a copy lives as long as may go unseen: for as long as the peers', who promise nothing of the kind.
    const cache = createStack<User>({ l1, ...(l2 && { l2 }), maxL1StalenessInSeconds: TTL_MS / 1000 });
    const options = { expirationInSeconds: TTL_MS / 1000 };
    return {
      get: (key) => cache.get(key),
      getOrSet: (key) => cache.getOrSet(key, () => load(key), options),
      close: async () => {
        await cache.close();
        await l2?.close();
      },
    };
  },
};

const bento: Roster = {
  name: 'bentocache',
  isShared: true,
  async create(level, url, prefix, load) {
    // Its first level without serialising, as everybody else's: by default it parses JSON at each hit.
    const near = bentostore().useL1Layer(memoryDriver({ maxItems: MAX_ITEMS, serialize: false }));
    const connection = level === 'memory' ? undefined : new Redis(url);
    const store = connection === undefined ? near : near.useL2Layer(redisDriver({ connection }));
    const cache = new BentoCache({ default: 'main', prefix, stores: { main: store }, ttl: TTL_MS });
    return {
      get: (key) => cache.get({ key }),
      getOrSet: (key) => cache.getOrSet({ key, factory: () => load(key) }),
      close: async () => cache.disconnectAll(),
    };
  },
};

const cacheable: Roster = {
  name: 'cacheable',
  isShared: true,
  async create(level, url, prefix, load) {
    const redis = level === 'memory' ? undefined : new KeyvRedis(url, { namespace: prefix });
    const cache = new Cacheable({ ttl: TTL_MS, ...(redis && { secondary: redis }) });
    return {
      get: (key) => cache.get(key),
      getOrSet: (key) => cache.getOrSet(key, () => load(key), { ttl: TTL_MS }),
      close: async () => cache.disconnect(),
    };
  },
};

const manager: Roster = {
  name: 'cache-manager',
  isShared: true,
  async create(level, url, prefix, load) {
    const near = new Keyv({ ttl: TTL_MS });
    const shared = level === 'memory' ? [] : [new Keyv({ store: new KeyvRedis(url), namespace: prefix, ttl: TTL_MS })];
    const cache = createManager({ stores: [near, ...shared] });
    return {
      get: (key) => cache.get(key),
      getOrSet: (key) => cache.wrap(key, () => load(key), TTL_MS),
      close: async () => cache.disconnect(),
    };
  },
};

const layered: Roster = {
  name: 'layered-loader 14',
  isShared: true,
  async create(level, url, prefix, load) {
    const client = level === 'memory' ? undefined : new Redis(url);
    const asyncCache = client && new LayeredRedisCache<User>(client, { json: true, prefix, ttlInMsecs: TTL_MS });
    const loader = new Loader<User>({
      inMemoryCache: { cacheId: prefix, ttlInMsecs: TTL_MS, maxItems: MAX_ITEMS },
      ...(asyncCache && { asyncCache }),
      dataSources: [{ name: 'source', get: (key: string) => load(key), getMany: async () => [] }],
    } as ConstructorParameters<typeof Loader<User>>[0]);
    const get = async (key: string): Promise<unknown> => loader.get(key);
    return { get, getOrSet: get, close: async () => client?.quit() };
  },
};

const deduped: Roster = {
  name: 'async-cache-dedupe',
  isShared: true,
  async create(level, url, prefix, load) {
    const client = level === 'memory' ? undefined : new Redis(url, { keyPrefix: prefix });
    const storage =
      client === undefined
        ? ({ type: 'memory', options: { size: MAX_ITEMS } } as const)
        : ({ type: 'redis', options: { client } } as const);
    const cache = createDeduped({ ttl: TTL_MS / 1000, storage: storage as never }).define('user', load);
    return { get: (key) => cache.user(key), getOrSet: (key) => cache.user(key), close: async () => client?.quit() };
  },
};

const lru: Roster = {
  name: 'lru-cache fetch',
  isShared: false,
  async create(_level, _url, _prefix, load) {
    const cache = new LRUCache<string, User>({ max: MAX_ITEMS, ttl: TTL_MS, fetchMethod: (key) => load(key) });
    return { get: async (key) => cache.get(key), getOrSet: (key) => cache.fetch(key), close: async () => {} };
  },
};

export const ROSTER: readonly Roster[] = [stack, bento, cacheable, manager, layered, deduped, lru];
