import { startProgram, startRedis, startRedisCluster, waitUntil } from '@cache/test-servers';
import { expect, test } from '@jest/globals';
import { type Administrator, administer } from './administrator.ts';

const LIMIT_MS = 30_000;

const program = new URL('./programs/close-while-dialling.ts', import.meta.url);

/** Ends the connections of buses that wait for messages, as they do most of the time, or of all who are not the administrator. */
async function killConnections(admin: Administrator, who: 'buses' | 'all'): Promise<void> {
  if (who === 'all') return void (await admin.send('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes'));
  const clients = String(await admin.send('CLIENT', 'LIST')).split('\n');
  for (const client of clients.filter((line) => line.includes(' cmd=xread '))) {
    await admin.send('CLIENT', 'KILL', 'ID', /^id=(\d+)/.exec(client)?.[1] ?? '');
  }
}

function named(url: string): string {
  return url.replace('127.0.0.1', 'localhost');
}

test.each([
  { kind: 'a cache', kill: 'all' },
  { kind: 'a cache that never was connected', kill: undefined },
  { kind: 'a bus', kill: 'buses' },
] as const)(
  'row 61: $kind, closed while its client dials, leaves no connection and no timer, and its process ends',
  async ({ kind, kill }) => {
    await using server = await startRedis();
    await using admin = await administer(server);
    await using dialler = startProgram(program, named(server.url), kind);
    await dialler.ask('connect');
    await waitUntil('Dialling', LIMIT_MS, async () => {
      if (kill !== undefined) await killConnections(admin, kill);
      return (await dialler.ask('dialling')) === true;
    });
    await dialler.ask('close');
    await waitUntil('Nothing being left', LIMIT_MS, async () => ((await dialler.ask('left')) as string[]).length === 0);
    expect(await dialler.end()).toEqual({ code: 0, signal: null, stderr: '' });
  },
);

test('row 61: a bus over a cluster, closed while its client dials, leaves no connection and no timer, and its process ends', async () => {
  await using servers = await startRedisCluster();
  await using dialler = startProgram(program, named(servers.urls[0] ?? ''), 'a bus over a cluster', 'bus');
  await dialler.ask('connect');
  await waitUntil('Dialling', LIMIT_MS, async () => {
    for (const master of servers.masters) {
      await using admin = await administer(master);
      await killConnections(admin, 'buses');
    }
    return (await dialler.ask('dialling')) === true;
  });
  await dialler.ask('close');
  await waitUntil('Nothing being left', LIMIT_MS, async () => ((await dialler.ask('left')) as string[]).length === 0);
  expect(await dialler.end()).toEqual({ code: 0, signal: null, stderr: '' });
});

test('row 61: control: a client of node-redis, destroyed while it dials, connects all the same', async () => {
  await using server = await startRedis();
  await using admin = await administer(server);
  await using dialler = startProgram(program, named(server.url), 'a client of node-redis');
  await dialler.ask('connect');
  await killConnections(admin, 'all');
  await waitUntil('Dialling', LIMIT_MS, async () => (await dialler.ask('dialling')) === true);
  await dialler.ask('close');
  await waitUntil('A connection of nobody’s', LIMIT_MS, async () => {
    const clients = String(await admin.send('CLIENT', 'LIST', 'TYPE', 'normal'));
    return clients.trim().split('\n').length === 2;
  });
  expect(await dialler.ask('left')).toContain('TCPSocketWrap');
});
