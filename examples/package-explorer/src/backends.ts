import { toAsync } from '@cache/core';
import { uniqueName } from '@cache/test-servers';
import type { OpenBackend } from './backend.ts';
import { findServer } from './find-server.ts';

/** The backends by the name that `--backend` takes. Each is loaded, and its server found, only when it is asked for. */
export const BACKENDS = {
  async memory(hooks, closers) {
    const { InMemoryCache } = await import('@cache/memory');
    const cache = toAsync(new InMemoryCache({ maxSize: 1_000, hooks }));
    closers.push(() => cache.close());
    return { cache, origin: 'memory, in this process' };
  },

  /** Under a prefix of the demo's own, cleared when the demo ends; the cache's bookkeeping, one small key, stays. */
  async redis(hooks, closers) {
    const { RedisCache } = await import('@cache/redis');
    const { url, origin } = await findServer('redis', closers);
    const cache = await RedisCache.connect(url, { prefix: `${uniqueName('demo')}:`, hooks });
    closers.push(
      () => cache.close(),
      () => cache.clear(),
    );
    return { cache, origin };
  },

  /** In a schema of the demo's own, which goes when the demo ends. */
  async postgres(hooks, closers) {
    const { DatabaseCache, migrate } = await import('@cache/postgres');
    const { default: postgres } = await import('postgres');
    const { url, origin } = await findServer('postgres', closers);
    const schema = uniqueName('demo');
    const sql = postgres(url, { max: 1, connect_timeout: 5, onnotice: () => {} });
    closers.push(() => sql.end({ timeout: 5 }));
    await migrate(sql, { schema });
    closers.push(() => sql`DROP SCHEMA ${sql(schema)} CASCADE`);
    const cache = await DatabaseCache.connect(url, { schema, hooks });
    closers.push(() => cache.close());
    return { cache, origin };
  },

  /** Memory over Redis or PostgreSQL, whichever is found. */
  async stack(hooks, closers) {
    const { openStack } = await import('./stack-backend.ts');
    return openStack(hooks, closers);
  },
} satisfies Readonly<Record<string, OpenBackend>>;

/** What `--backend` takes. */
export type BackendName = keyof typeof BACKENDS;
