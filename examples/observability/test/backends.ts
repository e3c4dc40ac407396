import {
  type AsyncCache,
  type AtomicCache,
  type BatchCache,
  type CacheHooks,
  type IterableCache,
  type KeyTransformer,
  toAsync,
} from '@cache/core';
import { InMemoryCache } from '@cache/memory';
import { DatabaseCache, migrate } from '@cache/postgres';
import { RedisCache } from '@cache/redis';
import { createCache } from '@cache/stack';
import { databaseUrl, redisUrl, uniqueName } from '@cache/test-servers';
import postgres, { type Sql } from 'postgres';
import { createClient } from 'redis';

/** What the tests ask of a cache. */
export type AnyCache = AsyncCache & BatchCache & AtomicCache & IterableCache;

/** How a cache is made for a test; two of one place share their items. */
export interface Wanted {
  readonly place: string;
  readonly hooks?: CacheHooks | readonly CacheHooks[];
  readonly keyTransformer?: KeyTransformer;
}

/** Deadlines are not what these tests are about. */
const PATIENT = { readTimeoutMs: 10_000, writeTimeoutMs: 10_000 } as const;

/** Every backend on real servers, alone and below a stack. */
export class Backends {
  readonly #client = createClient({ url: redisUrl() });
  readonly #sql: Sql = postgres(databaseUrl(), { max: 2, onnotice: () => {} });
  readonly #schema = uniqueName('observability');

  async open(): Promise<void> {
    await this.#client.connect();
    await this.#sql.unsafe(`CREATE SCHEMA ${this.#schema}`);
    await migrate(this.#sql, { schema: this.#schema });
  }

  async close(): Promise<void> {
    await this.#sql.unsafe(`DROP SCHEMA ${this.#schema} CASCADE`);
    await this.#sql.end({ timeout: 1 });
    await this.#client.close();
  }

  memory({ place: _, ...options }: Wanted): AnyCache {
    return toAsync(new InMemoryCache(options));
  }

  redis({ place, ...options }: Wanted): AnyCache {
    return new RedisCache(this.#client, { ...PATIENT, ...options, prefix: `${place}:` });
  }

  postgres({ place, ...options }: Wanted): AnyCache {
    return new DatabaseCache(this.#sql, { ...PATIENT, ...options, namespace: place, schema: this.#schema });
  }

  stackOnRedis({ place, ...options }: Wanted): AnyCache {
    return createCache({ ...options, l1: new InMemoryCache(), l2: this.redis({ place }) });
  }

  stackOnPostgres({ place, ...options }: Wanted): AnyCache {
    return createCache({ ...options, l1: new InMemoryCache(), l2: this.postgres({ place }) });
  }
}

/** Their names, in the order of the tests. */
export const BACKENDS = ['memory', 'redis', 'postgres', 'stackOnRedis', 'stackOnPostgres'] as const;
