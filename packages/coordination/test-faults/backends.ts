import type { AsyncCache, AtomicCache, IterableCache } from '@cache/core';
import { DatabaseCache, migrate } from '@cache/postgres';
import { RedisCache } from '@cache/redis';
import { type Server, startPostgres, startRedis } from '@cache/test-servers';
import postgres from 'postgres';

/** What the tests and the programs here open a cache of, by name. */
export type BackendName = 'redis' | 'postgres';
export const BACKEND_NAMES: readonly BackendName[] = ['redis', 'postgres'];

export type ServerCache = AsyncCache & AtomicCache & IterableCache & { close(): Promise<void> };

/** For what is not about deadlines: a busy machine is no failure. */
export const PATIENT = { readTimeoutMs: 20_000, writeTimeoutMs: 20_000 } as const;

export function openCache(
  backend: BackendName,
  url: string,
  deadlines: Partial<typeof PATIENT> = {},
): Promise<ServerCache> {
  const options = { hooks: { onError: () => {} }, ...deadlines };
  return backend === 'redis'
    ? RedisCache.connect(url, { prefix: 'app:', ...options })
    : DatabaseCache.connect(url, options);
}

/** A server of the test's own, with the cache's tables where it needs any. */
export async function startServer(backend: BackendName): Promise<Server> {
  if (backend === 'redis') return startRedis();
  const server = await startPostgres({ settings: { synchronous_commit: 'on' } });
  const sql = postgres(server.url, { max: 1, onnotice: () => {} });
  await migrate(sql);
  await sql.end();
  return server;
}
