import { AsyncLocalStorage } from 'node:async_hooks';
import type { CacheHooks, CacheKeyEvent, CacheLoadEvent } from '@cache/core';
import { InMemoryCache } from '@cache/memory';
import { DatabaseCache, migrate } from '@cache/postgres';
import { RedisCache } from '@cache/redis';
import { createCache, type SharedCache } from '@cache/stack';
import { databaseUrl, redisUrl, uniqueName } from '@cache/test-servers';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import postgres, { type Sql } from 'postgres';
import { createClient } from 'redis';

/** These tests are not about deadlines: a busy machine is no failure. */
const PATIENT = { readTimeoutMs: 10_000, writeTimeoutMs: 10_000 } as const;

const client = createClient({ url: redisUrl() });
const schema = uniqueName('context');
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

const SERVERS: [name: string, shared: (hooks: CacheHooks) => SharedCache][] = [
  ['Redis', (hooks) => new RedisCache(client, { prefix: `${uniqueName('context')}:`, ...PATIENT, hooks })],
  ['PostgreSQL', (hooks) => new DatabaseCache(sql, { schema, namespace: uniqueName('context'), ...PATIENT, hooks })],
];

describe.each(SERVERS)('Hooks of a stack on memory and %s', (name, sharedWith) => {
  const request = new AsyncLocalStorage<string>();
  const requests = ['a', 'b', 'c'];
  const concurrently = (call: (id: string) => Promise<unknown>): Promise<unknown[]> =>
    Promise.all(requests.map((id) => request.run(id, () => call(id))));

  test('hear of each key in the async context of the request that asked for it, but for one read of the server for all of them', async () => {
    const elsewhere: string[] = [];
    let toldCount = 0;
    const note = ({ backend, operation, key }: Pick<CacheKeyEvent, 'backend' | 'operation' | 'key'>): void => {
      toldCount += 1;
      const context = request.getStore();
      if (context !== key) elsewhere.push(`${operation} of ${backend}: ${key} in ${context}`);
    };
    const onLoad = (event: CacheLoadEvent): void => note({ ...event, operation: 'load' });
    const hooks: CacheHooks = { onHit: note, onMiss: note, onSet: note, onLoad };
    const l1 = new InMemoryCache({ hooks });
    const cache = createCache({ name: 'context', l1, l2: sharedWith(hooks), hooks });
    await concurrently((id) => cache.getOrSet(id, () => Promise.resolve(`value of ${id}`)));
    l1.clear();
    await concurrently((id) => cache.get(id));
    await concurrently((id) => cache.set(id, 'newer'));
    await cache.close();
    const backend = name === 'Redis' ? 'redis' : 'postgres';
    expect(elsewhere).toEqual([`getEntries of ${backend}: b in a`, `getEntries of ${backend}: c in a`]);
    expect(toldCount).toBeGreaterThan(requests.length * 5);
  });

  test('hear of a call that joined the load of another in the context of its own caller', async () => {
    const told: string[] = [];
    const hooks: CacheHooks = { onOperation: ({ operation }) => told.push(`${operation} in ${request.getStore()}`) };
    let loadsCount = 0;
    const load = async (): Promise<string> => `load ${++loadsCount}`;
    const cache = createCache({ name: 'context', l1: new InMemoryCache(), l2: sharedWith({}), hooks });
    expect(await concurrently(() => cache.getOrSet('k', load))).toEqual(['load 1', 'load 1', 'load 1']);
    await cache.close();
    expect(told.sort()).toEqual(['getOrSet in a', 'getOrSet in b', 'getOrSet in c']);
  });
});
