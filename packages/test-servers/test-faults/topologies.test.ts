import {
  startPgBouncer,
  startPostgres,
  startPostgresStandby,
  startRedisCluster,
  startRedisSentinel,
  waitUntil,
} from '@cache/test-servers';
import { describe, expect, test } from '@jest/globals';
import postgres from 'postgres';
import { createCluster, createSentinel } from 'redis';

describe('startRedisCluster', () => {
  test('serves keys of every slot from three masters', async () => {
    await using servers = await startRedisCluster({ masters: 3 });
    const cluster = createCluster({ rootNodes: servers.urls.map((url) => ({ url })) });
    cluster.on('error', () => {});
    await cluster.connect();
    const keys = Array.from({ length: 30 }, (_, index) => `key-${index}`);
    await Promise.all(keys.map((key) => cluster.set(key, key)));
    expect(await Promise.all(keys.map((key) => cluster.get(key)))).toEqual(keys);
    expect(cluster.masters).toHaveLength(3);
    cluster.destroy();
  });

  test('lets a replica take over from a master that is killed', async () => {
    await using servers = await startRedisCluster({ masters: 3, replicasPerMaster: 1 });
    const cluster = createCluster({ rootNodes: servers.urls.map((url) => ({ url })) });
    cluster.on('error', () => {});
    await cluster.connect();
    await cluster.set('key', '1');
    await servers.masters[0]?.kill();
    const keys = Array.from({ length: 30 }, (_, index) => `key-${index}`);
    await waitUntil('Writes to every slot', 60_000, async () => {
      await Promise.all(keys.map((key) => cluster.set(key, key)));
      return true;
    });
    cluster.destroy();
  });
});

describe('startRedisSentinel', () => {
  test('fails over to a replica when the master is killed', async () => {
    await using servers = await startRedisSentinel();
    const sentinel = createSentinel({
      name: servers.masterName,
      sentinelRootNodes: servers.sentinels.map(({ port }) => ({ host: '127.0.0.1', port })),
    });
    sentinel.on('error', () => {});
    await sentinel.connect();
    await sentinel.set('key', '1');
    await servers.master.kill();
    await waitUntil('A write after the failover', 60_000, async () => (await sentinel.set('key', '2')) === 'OK');
    sentinel.destroy();
  });
});

describe('startPostgresStandby', () => {
  test('shows what the primary wrote and refuses writes', async () => {
    await using primary = await startPostgres();
    await using standby = await startPostgresStandby(primary);
    const [write, read] = [primary, standby].map(({ url }) => postgres(url, { max: 1 }));
    if (write === undefined || read === undefined) throw new Error('Two clients were made.');
    await write`create table seen (id int)`;
    await waitUntil('The table on the standby', 30_000, async () => {
      const [row] = await read`select to_regclass('seen')::text as name`;
      return row?.['name'] === 'seen';
    });
    await expect(read`create table refused (id int)`).rejects.toMatchObject({ code: '25006' });
    await Promise.all([write.end({ timeout: 1 }), read.end({ timeout: 1 })]);
  });
});

describe('startPgBouncer', () => {
  test('shares few connections among many clients', async () => {
    await using server = await startPostgres();
    await using bouncer = await startPgBouncer(server, { settings: { default_pool_size: 2 } });
    const sql = postgres(bouncer.url, { max: 20, prepare: false });
    const rows = await Promise.all(Array.from({ length: 60 }, () => sql`select pg_backend_pid() as pid`));
    expect(new Set(rows.map(([row]) => row?.['pid'])).size).toBeLessThanOrEqual(2);
    await sql.end({ timeout: 1 });
  });
});

describe('embedded PostgreSQL', () => {
  test('starts from an npm package alone', async () => {
    await using server = await startPostgres({ embedded: '18.4.0-beta.17' });
    const sql = postgres(server.url, { max: 4 });
    const [row] = await sql`select current_setting('server_version_num')::int as version`;
    expect(row?.['version']).toBeGreaterThanOrEqual(180_000);
    await sql.end({ timeout: 1 });
  });
});
