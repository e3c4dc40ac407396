import { type CacheHooks, withDeadline } from '@cache/core';
import { InMemoryCache } from '@cache/memory';
import { createCache } from '@cache/stack';
import { startProxy, uniqueName } from '@cache/test-servers';
import type { Backend, ServerLine } from './backend.ts';
import type { Closer } from './close-all.ts';
import { type FoundServer, findServer } from './find-server.ts';

/** A client of Redis goes on trying for ever; the demo does not. */
const CONNECT_LIMIT_MS = 5_000;

/** A server behind a line of the demo's own. */
interface LinedServer extends FoundServer {
  readonly line: ServerLine | undefined;
}

/** Memory over Redis, or over PostgreSQL where no Redis is found, or alone where neither is. */
export async function openStack(hooks: CacheHooks, closers: Closer[]): Promise<Backend> {
  const redis = await lined('redis', 'Redis', closers);
  if (redis !== undefined) return overRedis(redis, hooks, closers);
  const postgres = await lined('postgres', 'PostgreSQL', closers);
  if (postgres !== undefined) return overPostgres(postgres, hooks, closers);
  const cache = createCache({ l1: nearCache(), hooks });
  closers.push(() => cache.close());
  return { cache, origin: 'memory alone, since neither Redis nor PostgreSQL was found' };
}

async function overRedis(server: LinedServer, hooks: CacheHooks, closers: Closer[]): Promise<Backend> {
  const { RedisCache, redisBus } = await import('@cache/redis');
  const { createClient } = await import('redis');
  const name = uniqueName('demo');
  const client = createClient({ url: server.url });
  client.on('error', ignored); // A lost connection is the cache's business: it answers without.
  closers.push(() => client.destroy());
  const unreachable = (): Error => new Error(`No Redis answers there: ${server.origin}.`);
  await withDeadline(client.connect(), CONNECT_LIMIT_MS, unreachable);
  const l2 = new RedisCache(client, { prefix: `${name}:`, hooks: { onError: ignored } });
  const bus = redisBus(client, { name });
  const cache = createCache({ l1: nearCache(), l2, bus, hooks });
  closers.push(
    () => client.unlink(`${name}\0bus`),
    () => bus.close(),
    () => l2.clear(),
    () => cache.close(),
  );
  return backend(cache, server);
}

async function overPostgres(server: LinedServer, hooks: CacheHooks, closers: Closer[]): Promise<Backend> {
  const { DatabaseCache, migrate, postgresBus } = await import('@cache/postgres');
  const { default: postgres } = await import('postgres');
  const schema = uniqueName('demo');
  const sql = postgres(server.url, { max: 4, connect_timeout: 5, onnotice: () => {} });
  closers.push(() => sql.end({ timeout: 5 }));
  await migrate(sql, { schema });
  closers.push(() => sql`DROP SCHEMA ${sql(schema)} CASCADE`);
  const bus = postgresBus(sql, { schema });
  const l2 = new DatabaseCache(sql, { schema, hooks: { onError: ignored } });
  const cache = createCache({ l1: nearCache(), l2, bus, hooks });
  closers.push(
    () => bus.close(),
    () => cache.close(),
  );
  return backend(cache, server);
}

function nearCache(): InMemoryCache {
  return new InMemoryCache({ maxSize: 1_000 });
}

function backend(cache: Backend['cache'], { origin, line }: LinedServer): Backend {
  return { cache, origin: `memory over ${origin}`, ...(line === undefined ? {} : { line }) };
}

/** The server, if there is one. Where it is on this machine, everything goes through a proxy that can hold it back. */
async function lined(kind: 'redis' | 'postgres', server: string, closers: Closer[]): Promise<LinedServer | undefined> {
  let found: FoundServer;
  try {
    found = await findServer(kind, closers);
  } catch {
    return undefined;
  }
  const { protocol, hostname, port } = new URL(found.url);
  const isPlain = protocol !== 'rediss:' && (hostname === '127.0.0.1' || hostname === 'localhost');
  if (!isPlain) return { ...found, line: undefined };
  const proxy = await startProxy(Number(port || (kind === 'redis' ? 6379 : 5432)));
  closers.push(() => proxy[Symbol.asyncDispose]());
  const line = { server, freeze: () => proxy.blackhole(), thaw: () => proxy.restore() };
  return { ...found, url: proxy.urlFor(found.url), line };
}

function ignored(): void {}
