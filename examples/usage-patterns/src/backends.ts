import { type AsyncCache, type AtomicCache, toAsync } from '@cache/core';
import { provideServers, type ServerKind, uniqueName } from '@cache/test-servers';

/** All that the patterns need of a cache. */
export type PatternCache = AsyncCache & AtomicCache;

/** Ends something that was opened. */
export type Closer = () => unknown;

/** Opens a cache, and adds to `closers` how to end it and whatever was started for it. */
export type OpenCache = (closers: Closer[]) => Promise<PatternCache>;

/** A demonstration on a busy machine is not about deadlines. */
const PATIENT = { readTimeoutMs: 10_000, writeTimeoutMs: 10_000 } as const;

/** The backends by the name that `--backend` takes. Nothing else knows which one it is. */
export const BACKENDS = {
  async memory(closers) {
    const { InMemoryCache } = await import('@cache/memory');
    const cache = toAsync(new InMemoryCache());
    closers.push(() => cache.close());
    return cache;
  },

  /** Under a prefix of its own, cleared at the end. */
  async redis(closers) {
    const { RedisCache } = await import('@cache/redis');
    const url = await findServer('redis', closers);
    const cache = await RedisCache.connect(url, { prefix: `${uniqueName('patterns')}:`, ...PATIENT });
    closers.push(
      () => cache.close(),
      () => cache.clear(),
    );
    return cache;
  },

  /** In a schema of its own, which goes at the end. */
  async postgres(closers) {
    const { DatabaseCache, migrate } = await import('@cache/postgres');
    const { default: postgres } = await import('postgres');
    const url = await findServer('postgres', closers);
    const schema = uniqueName('patterns');
    const sql = postgres(url, { max: 1, connect_timeout: 5, onnotice: () => {} });
    closers.push(() => sql.end({ timeout: 5 }));
    await migrate(sql, { schema });
    closers.push(() => sql`DROP SCHEMA ${sql(schema)} CASCADE`);
    const cache = await DatabaseCache.connect(url, { schema, ...PATIENT });
    closers.push(() => cache.close());
    return cache;
  },
} satisfies Readonly<Record<string, OpenCache>>;

/** What `--backend` takes. */
export type BackendName = keyof typeof BACKENDS;

export function isBackend(name: string): name is BackendName {
  return Object.hasOwn(BACKENDS, name);
}

/** Finds or starts a server. */
async function findServer(kind: ServerKind, closers: Closer[]): Promise<string> {
  const servers = await provideServers([kind]);
  closers.push(() => servers.close());
  return Object.values(servers.env).join();
}

/** Ends everything, the last opened first. What fails keeps nothing else open. Throws the first failure at the end. */
export async function closeAll(closers: readonly Closer[]): Promise<void> {
  const failures: unknown[] = [];
  for (const close of [...closers].reverse()) {
    try {
      await close();
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
}
