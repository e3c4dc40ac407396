import { DatabaseCache, migrate } from '@cache/postgres';
import { RedisCache } from '@cache/redis';
import type { SharedCache } from '@cache/stack';
import { type Server, startPostgres, startRedis } from '@cache/test-servers';
import postgres from 'postgres';
import { createClient } from 'redis';

/** A cache to stand behind a stack. */
export type OpenedLevel<V> = SharedCache<V> & { close(): Promise<void> };

/** A server of one's own, and how to reach it. */
export interface Backend<Name = BackendName> {
  readonly backend: Name;
  start(): Promise<Server>;
  /** A cache with connections of its own; the server need not be there. */
  open<V>(url: string, deadlines?: Partial<typeof DEADLINES>): Promise<OpenedLevel<V>>;
}

export type BackendName = 'redis' | 'postgres';

/** Of a backend whose client or pool the application has made. */
export type YourBackendName = `${BackendName} over yours`;

/**
 * Longer than the default ones of 250 and 500 ms: a server that answers must not fail a test because the machine had no time for
 * it. The services under load live with the default ones.
 */
export const DEADLINES = { readTimeoutMs: 1_000, writeTimeoutMs: 1_000 } as const;

const QUIET = { hooks: { onError: () => {} } };

const redis: Backend = {
  backend: 'redis',
  start: () => startRedis(),
  open: <V>(url: string, deadlines: Partial<typeof DEADLINES> = DEADLINES) =>
    RedisCache.connect<V>(url, { prefix: 'app:', ...QUIET, ...deadlines }),
};

const database: Backend = {
  backend: 'postgres',
  async start() {
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
  },
  open: <V>(url: string, deadlines: Partial<typeof DEADLINES> = DEADLINES) =>
    DatabaseCache.connect<V>(url, { ...QUIET, ...deadlines }),
};

const redisOverYours: Backend<YourBackendName> = {
  ...redis,
  backend: 'redis over yours',
  async open<V>(url: string, deadlines: Partial<typeof DEADLINES> = DEADLINES) {
    const client = createClient({ url });
    const cache = new RedisCache<V>(client, { prefix: 'app:', ...QUIET, ...deadlines });
    await client.connect();
    const close = async (): Promise<void> => {
      await RedisCache.prototype.close.call(cache);
      client.destroy();
    };
    return Object.assign(cache, { close });
  },
};

const databaseOverYours: Backend<YourBackendName> = {
  ...database,
  backend: 'postgres over yours',
  async open<V>(url: string, deadlines: Partial<typeof DEADLINES> = DEADLINES) {
    const sql = postgres(url, { connect_timeout: 2, fetch_types: false, backoff: () => 0.1, onnotice: () => {} });
    const cache = new DatabaseCache<V>(sql, { ...QUIET, ...deadlines });
    const close = async (): Promise<void> => {
      await DatabaseCache.prototype.close.call(cache);
      await sql.end({ timeout: 5 });
    };
    return Object.assign(cache, { close });
  },
};

export const BACKENDS: readonly Backend[] = [redis, database];

/** Caches over clients as an application makes them, with no settings but the address and what the pages advise: their servers must be there. */
export const YOUR_BACKENDS: readonly Backend<YourBackendName>[] = [redisOverYours, databaseOverYours];

/** The backend of that name. */
export function backendOf(name: BackendName): Backend;
export function backendOf(name: string): Backend<BackendName | YourBackendName>;
export function backendOf(name: string): Backend<BackendName | YourBackendName> {
  const found = [...BACKENDS, ...YOUR_BACKENDS].find(({ backend }) => backend === name);
  if (found === undefined) throw new Error(`There is no backend "${name}".`);
  return found;
}
