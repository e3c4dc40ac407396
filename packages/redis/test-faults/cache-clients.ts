import { RedisCache, type RedisCacheOptions } from '@cache/redis';
import { settle } from '@cache/test-servers';
import { createClient } from 'redis';
import { DEADLINES } from './failures.ts';

/** A cache to treat badly; disposing of it closes it and whatever client is behind it. */
export interface OpenedCache extends AsyncDisposable {
  readonly cache: RedisCache;
}

/** One of the ways in which an application comes to a cache on a single server. */
export interface CacheClient {
  readonly client: string;
  /** How long after the server answers again a call must succeed: the longest reconnect delay, and room for busy machines. */
  readonly recoveryLimitMs: number;
  /** A cache that is connected. */
  open(url: string, options?: RedisCacheOptions): Promise<OpenedCache>;
  /** A cache whose server is not there yet. */
  openWhileDown(url: string, options?: RedisCacheOptions): Promise<OpenedCache>;
}

/** A busy machine may take long to connect; a test that begins with a server begins with a connection. */
const CONNECT_TIMEOUT_MS = 20_000;
const CONNECT_LIMIT_MS = 2 * CONNECT_TIMEOUT_MS;

/** What every cache here stores its keys under, unless a test says otherwise. */
export const PREFIX = 'app:';

export const ownClient: CacheClient = {
  client: 'RedisCache.connect',
  recoveryLimitMs: 10_000,
  open: (url, options) => connectCache(url, { connectTimeoutMs: CONNECT_TIMEOUT_MS, ...options }),
  openWhileDown: connectCache,
};

/** Offline queue on, no pings, a reconnect delay that grows to 2.2 s, and nobody listening to its errors. */
export const callersClient: CacheClient = {
  client: "a caller's client as node-redis ships it",
  recoveryLimitMs: 10_000,
  async open(url, options) {
    const { opened, connected } = wrapNewClient(url, options);
    const outcome = await settle(connected, CONNECT_LIMIT_MS);
    if (outcome.state === 'fulfilled') return opened;
    await opened[Symbol.asyncDispose]();
    throw outcome.reason;
  },
  async openWhileDown(url, options) {
    return wrapNewClient(url, options).opened;
  },
};

export const CACHE_CLIENTS: readonly CacheClient[] = [ownClient, callersClient];

async function connectCache(url: string, options?: Parameters<typeof RedisCache.connect>[1]): Promise<OpenedCache> {
  const outcome = await settle(RedisCache.connect(url, { prefix: PREFIX, ...DEADLINES, ...options }), CONNECT_LIMIT_MS);
  if (outcome.state === 'rejected') throw outcome.reason;
  const cache = outcome.value;
  return { cache, [Symbol.asyncDispose]: () => cache.close() };
}

function wrapNewClient(url: string, options: RedisCacheOptions | undefined) {
  const client = createClient({ url });
  const cache = new RedisCache(client, { prefix: PREFIX, ...DEADLINES, ...options });
  const connected = client.connect();
  connected.catch(() => {});
  const opened: OpenedCache = {
    cache,
    async [Symbol.asyncDispose]() {
      await cache.close();
      client.destroy();
    },
  };
  return { opened, connected };
}
