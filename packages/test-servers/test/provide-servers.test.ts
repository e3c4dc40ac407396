import {
  claimEmptyDatabase,
  createOwnDatabase,
  provideServers,
  type Server,
  startPostgres,
  startRedis,
  uniqueName,
} from '@cache/test-servers';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import postgres from 'postgres';
import { createClient } from 'redis';

describe('provideServers', () => {
  const before = { REDIS_URL: process.env['REDIS_URL'], DATABASE_URL: process.env['DATABASE_URL'] };

  afterAll(() => {
    for (const [name, value] of Object.entries(before)) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  });

  test('takes the servers that the environment names before anything else', async () => {
    process.env['REDIS_URL'] = 'redis://example.invalid:1';
    process.env['DATABASE_URL'] = 'postgres://example.invalid:2/x';
    const servers = await provideServers();
    expect(servers.env).toEqual({
      REDIS_URL: 'redis://example.invalid:1',
      DATABASE_URL: 'postgres://example.invalid:2/x',
    });
    expect(servers.origins).toEqual(['redis: REDIS_URL', 'postgres: DATABASE_URL']);
    await servers.close();
  });
});

describe("somebody else's Redis", () => {
  let server: Server;
  beforeAll(async () => {
    server = await startRedis();
  }, 60_000);
  afterAll(() => server.close());

  test('gives two runs two empty databases, and loses nothing but what carries our names', async () => {
    const other = createClient({ url: `${server.url}/15` });
    await other.connect();
    await other.set('somebody', 'else');

    const [first, second] = await Promise.all([claimEmptyDatabase(server.port), claimEmptyDatabase(server.port)]);
    expect(new Set([first?.url, second?.url, `${server.url}/15`]).size).toBe(3);

    const ours = createClient({ url: first?.url ?? '' });
    await ours.connect();
    await ours.set(uniqueName('key'), 'ours');
    await ours.set('not ours', 'kept');
    await first?.close();
    await second?.close();
    expect(await ours.keys('*')).toEqual(['not ours']);
    expect(await other.get('somebody')).toBe('else');
    ours.destroy();
    other.destroy();
  });
});

describe("somebody else's PostgreSQL", () => {
  test('gets a database of our own, which is dropped at the end', async () => {
    await using server = await startPostgres();
    const sql = postgres(server.url, { max: 1 });
    const names = () => sql<{ name: string }[]>`select datname as name from pg_database order by 1`;
    const before = await names();
    const database = await createOwnDatabase(server.port);
    const ours = postgres(database?.url ?? '', { max: 1 });
    await ours`create table t (id int)`;
    expect(await names()).toHaveLength(before.length + 1);
    await database?.close();
    expect(await names()).toEqual(before);
    await Promise.all([sql.end({ timeout: 1 }), ours.end({ timeout: 1 })]);
  }, 60_000);
});
