import type { AsyncCache, AtomicCache, IterableCache } from '@cache/core';
import { DatabaseCache, migrate } from '@cache/postgres';
import { RedisCache } from '@cache/redis';
import { type Server, startPostgres, startRedis } from '@cache/test-servers';
import postgres from 'postgres';

/** What the tests and the programs here open a cache of, by name. */
export type BackendName = 'redis' | 'postgres';
export const BACKEND_NAMES: readonly BackendName[] = ['redis', 'postgres'];

export type ServerCache = AsyncCache & AtomicCache & IterableCache & { close(): Promise<void> };

/** Longer than the default ones: a server that answers must not fail a test because the machine had no time for it. */
export const DEADLINES = { readTimeoutMs: 1_000, writeTimeoutMs: 1_000 } as const;

/** For what is not about deadlines: a busy machine is no failure. */
export const PATIENT = { readTimeoutMs: 20_000, writeTimeoutMs: 20_000 } as const;

export function openCache(
  backend: BackendName,
  url: string,
  deadlines: typeof PATIENT | typeof DEADLINES = DEADLINES,
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
  try {
    await migrate(sql);
    return server;
  } catch (error) {
    await server.close();
    throw error;
  } finally {
    await sql.end({ timeout: 1 });
  }
}
