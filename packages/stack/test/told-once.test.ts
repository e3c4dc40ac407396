import type { Invalidation, InvalidationBus } from '@cache/core';
import { InMemoryCache } from '@cache/memory';
import { DatabaseCache, migrate, postgresBus } from '@cache/postgres';
import { RedisCache, redisBus } from '@cache/redis';
import { createCache, type SharedCache } from '@cache/stack';
import { databaseUrl, redisUrl, uniqueName, waitUntil } from '@cache/test-servers';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import postgres, { type Sql } from 'postgres';
import { createClient } from 'redis';

/** These tests are not about deadlines: a busy machine is no failure. */
const PATIENT = { readTimeoutMs: 10_000, writeTimeoutMs: 10_000 } as const;

const client = createClient({ url: redisUrl() });
const schema = uniqueName('told');
let sql: Sql;

beforeAll(async () => {
  sql = postgres(databaseUrl(), { max: 4, onnotice: () => {} });
  await sql.unsafe(`CREATE SCHEMA ${schema}`);
  await migrate(sql, { schema });
  await client.connect();
});
afterAll(async () => {
  await sql.unsafe(`DROP SCHEMA ${schema} CASCADE`);
  await sql.end({ timeout: 1 });
  await client.close();
});

interface Server {
  bus(name: string): InvalidationBus;
  cache(name: string, bus: InvalidationBus | undefined): SharedCache;
}

const REDIS: Server = {
  bus: (name) => redisBus(client, { name, timeoutMs: 10_000 }),
  cache: (name, bus) =>
    new RedisCache(client, { prefix: `${name}:`, ...PATIENT, ...(bus && { bus: bus as ReturnType<typeof redisBus> }) }),
};

const POSTGRES: Server = {
  bus: (name) => postgresBus(sql, { namespace: name, schema, timeoutMs: 10_000 }),
  cache: (namespace, bus) => new DatabaseCache(sql, { namespace, schema, ...PATIENT, ...(bus && { bus }) }),
};

const END = { kind: 'key', key: 'the end' } as const satisfies Invalidation;

/** What another process hears while `work` is done. */
async function heard(server: Server, tells: 'the level' | 'the stack'): Promise<readonly Invalidation[]> {
  const name = uniqueName('bus');
  const [own, others] = [server.bus(name), server.bus(name)];
  // The first message of a new stream is told as a gap.
  await own.publish([{ kind: 'key', key: 'the beginning' }]);
  const messages: Invalidation[] = [];
  let onEnd = (): void => {};
  const ended = new Promise<void>((resolve) => {
    onEnd = resolve;
  });
  others.subscribe({
    onGap: () => {},
    onInvalidation: (invalidation) => {
      if (invalidation.kind === 'key' && invalidation.key === END.key) onEnd();
      else messages.push(invalidation);
    },
  });
  await waitUntil('The bus being live', 20_000, async () => others.liveAtMs !== undefined);
  const l2 = server.cache(name, tells === 'the level' ? own : undefined);
  const cache = createCache({ l1: new InMemoryCache({ maxSize: 100 }), l2, bus: own });
  await cache.removeItem('removed');
  await cache.removeItems(['one', 'two']);
  await cache.expireItem('expired');
  await cache.invalidateTags(['ended']);
  await cache.expireTags(['stale']);
  await cache.clearPrefix('part:');
  await cache.clear();
  await own.publish([END]);
  await ended;
  await Promise.all([cache.close(), own.close(), others.close()]);
  return messages;
}

describe.each([
  ['Redis', REDIS],
  ['PostgreSQL', POSTGRES],
])('What a stack over %s invalidates', (_, server) => {
  test.each(['the level', 'the stack'] as const)(
    'is told to the others once, by %s',
    async (tells) => {
      const messages = await heard(server, tells);
      expect(messages).toEqual([
        { kind: 'key', key: 'removed' },
        { kind: 'key', key: 'one' },
        { kind: 'key', key: 'two' },
        { kind: 'key', key: 'expired' },
        { kind: 'tag', tag: 'ended' },
        { kind: 'tag', tag: 'stale' },
        { kind: 'clearPrefix', prefix: 'part:' },
        { kind: 'clear' },
      ]);
    },
    30_000,
  );
});
