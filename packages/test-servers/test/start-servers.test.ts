import { existsSync } from 'node:fs';
import { type Server, settle, startPostgres, startRedis } from '@cache/test-servers';
import { afterEach, describe, expect, test } from '@jest/globals';
import postgres from 'postgres';
import { createClient } from 'redis';

const LIMIT_MS = 60_000;
const servers: Server[] = [];

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

async function started(start: Promise<Server>): Promise<Server> {
  const server = await start;
  servers.push(server);
  return server;
}

async function redisClient(server: Server): Promise<ReturnType<typeof createClient>> {
  const client = createClient({ url: server.url, socket: { reconnectStrategy: 50 } });
  client.on('error', () => {});
  await client.connect();
  return client as ReturnType<typeof createClient>;
}

describe('startRedis', () => {
  test(
    'starts with the settings asked for, stands still while frozen, and is empty after a kill and a restart',
    async () => {
      const server = await started(startRedis({ args: ['--maxmemory', '3mb'] }));
      const client = await redisClient(server);
      expect(await client.configGet('maxmemory')).toEqual({ maxmemory: '3145728' });
      await client.set('greeting', 'hello');

      await server.freeze();
      const reply = client.get('greeting');
      await expect(settle(reply, 300)).rejects.toThrow('still pending after 300 ms');
      await server.resume();
      expect(await reply).toBe('hello');

      const { pid } = server;
      await server.kill();
      await server.restart();
      expect(server.pid).not.toBe(pid);
      expect(await settle(client.get('greeting'), 10_000)).toMatchObject({ state: 'fulfilled', value: null });
      client.destroy();
    },
    LIMIT_MS,
  );

  test('says what the server said when it does not start', async () => {
    await expect(startRedis({ args: ['--no-such-setting', '1'] })).rejects.toThrow(/no-such-setting/);
  });
});

describe('startPostgres', () => {
  test(
    'starts with the settings asked for, freezes its backends too, and keeps its data over a kill and a restart',
    async () => {
      const server = await started(startPostgres({ settings: { work_mem: '5MB' } }));
      const sql = postgres(server.url, { max: 1, onnotice: () => {} });
      expect(await sql`show work_mem`).toEqual([{ work_mem: '5MB' }]);
      await sql`create table kept (id int)`;

      await server.freeze();
      const rows = sql`select count(*)::int as rows from kept`.then((result) => result[0]);
      await expect(settle(rows, 300)).rejects.toThrow('still pending after 300 ms');
      await server.resume();
      expect(await rows).toEqual({ rows: 0 });

      await server.kill();
      await expect(sql`select 1`).rejects.toThrow();
      await server.restart();
      await sql.end({ timeout: 0 });
      const again = postgres(server.url, { max: 1 });
      expect(await again`select to_regclass('kept')::text as name`).toEqual([{ name: 'kept' }]);
      await again.end({ timeout: 1 });
    },
    LIMIT_MS,
  );

  test(
    'leaves no folder behind when it is closed',
    async () => {
      const server = await startPostgres();
      expect(existsSync(server.folder)).toBe(true);
      await server.close();
      expect(existsSync(server.folder)).toBe(false);
    },
    LIMIT_MS,
  );
});
