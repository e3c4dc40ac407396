import type { BusGap, Invalidation } from '@cache/core';
import { DatabaseCache, type PostgresBus, postgresBus } from '@cache/postgres';
import { startProgram, startProxy, waitUntil } from '@cache/test-servers';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { openPool } from './cache-pools.ts';
import { failureOf } from './failures.ts';
import { type MigratedServer, startMigrated } from './migrated-server.ts';

let migrated: MigratedServer;

beforeAll(async () => {
  migrated = await startMigrated();
});

afterAll(async () => {
  await migrated[Symbol.asyncDispose]();
});

/** A bus with somebody who listens; its own pool is never used for anything else. */
async function listen(url: string): Promise<{
  readonly bus: PostgresBus;
  readonly heard: (BusGap | Invalidation)[];
  [Symbol.asyncDispose](): Promise<void>;
}> {
  const bus = postgresBus(openPool(url, { max: 1 }));
  const heard: (BusGap | Invalidation)[] = [];
  bus.subscribe({
    onInvalidation: (invalidation) => void heard.push(invalidation),
    onGap: (gap) => void heard.push(gap),
  });
  await waitUntil('The bus being live', 30_000, () => bus.liveAtMs !== undefined);
  return { bus, heard, [Symbol.asyncDispose]: () => bus.close() };
}

test('row 36: a message sent while the bus’s connection is killed is heard, or a gap is, and the bus is live again', async () => {
  const { server, admin } = migrated;
  await using listening = await listen(`${server.url}?application_name=listener`);
  await using publishing = await listen(server.url);
  const { bus, heard } = listening;
  for (let round = 0; round < 5; round += 1) {
    heard.length = 0;
    await admin.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'listener'");
    await publishing.bus.publish([{ kind: 'key', key: `k${round}` }]);
    const publishedAtMs = performance.now();
    await waitUntil('The message or a gap', 30_000, () =>
      heard.some((event) => (typeof event === 'string' ? true : event.kind === 'key' && event.key === `k${round}`)),
    );
    await waitUntil('A poll after it', 30_000, () => (bus.liveAtMs ?? 0) > publishedAtMs);
  }
});

test('row 36: the time of the last answer stands still while the server is killed; when it comes back, a gap is told first', async () => {
  const { server } = migrated;
  await using listening = await listen(server.url);
  const { bus, heard } = listening;
  heard.length = 0;
  await server.kill();
  const killedAtMs = performance.now();
  await waitUntil('Two seconds', 30_000, () => performance.now() - killedAtMs > 2_000);
  expect(bus.liveAtMs).toBeLessThanOrEqual(killedAtMs);
  await server.restart();
  await waitUntil('A gap', 30_000, () => heard.includes('reconnected'));
  await waitUntil('The bus being live', 30_000, () => (bus.liveAtMs ?? 0) > killedAtMs);
});

test('row 37: a half-open connection is not vouched for: the time of the last answer stands still, and a new one begins with a gap', async () => {
  const { server } = migrated;
  await using proxy = await startProxy(server.port);
  await using listening = await listen(proxy.urlFor(server.url));
  await using publishing = await listen(server.url);
  const { bus, heard } = listening;
  heard.length = 0;
  proxy.halfOpen();
  await publishing.bus.publish([{ kind: 'tag', tag: 'in the gap' }]);
  const cutAtMs = performance.now();
  await waitUntil('The message or a gap', 30_000, () => heard.length > 0);
  await waitUntil('A poll after it', 30_000, () => (bus.liveAtMs ?? 0) > cutAtMs);
});

test('row 37: a frozen server lets the time of the last answer stand still until it runs on', async () => {
  const { server } = migrated;
  await using listening = await listen(server.url);
  const { bus, heard } = listening;
  await server.freeze();
  const frozenAtMs = performance.now();
  await waitUntil('Two seconds', 30_000, () => performance.now() - frozenAtMs > 2_000);
  expect(bus.liveAtMs === undefined || bus.liveAtMs <= frozenAtMs).toBe(true);
  heard.length = 0;
  await server.resume();
  await waitUntil('A poll after it', 30_000, () => (bus.liveAtMs ?? 0) > frozenAtMs);
  expect(heard).toContain('reconnected');
});

test('row 36: an invalidation in a transaction is heard when it commits, even by a bus that was killed meanwhile, and never when it rolls back', async () => {
  const { server, admin } = migrated;
  await using listening = await listen(`${server.url}?application_name=listener`);
  const { heard } = listening;
  await using publishing = await listen(server.url);
  const sql = openPool(server.url);
  try {
    const cache = new DatabaseCache(sql, { bus: publishing.bus });
    heard.length = 0;
    await sql.begin(async (tx) => {
      await cache.using(tx).removeItem('committed');
      await admin.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'listener'");
    });
    await waitUntil('The message or a gap', 30_000, () => heard.length > 0);
    await waitUntil('A live bus', 30_000, () => listening.bus.liveAtMs !== undefined);
    heard.length = 0;
    await sql
      .begin(async (tx) => {
        await cache.using(tx).removeItem('rolled back');
        throw new Error('roll back');
      })
      .catch(() => {});
    await publishing.bus.publish([{ kind: 'key', key: 'afterwards' }]);
    await waitUntil('The next message', 30_000, () => heard.length > 0);
    expect(heard).toEqual([{ kind: 'key', key: 'afterwards' }]);
  } finally {
    await sql.end({ timeout: 1 });
  }
});

test('row 61: publishing on a bus that is closed is CacheClosedError, and closing twice is fine', async () => {
  const bus = postgresBus(openPool(migrated.server.url, { max: 1 }));
  await bus.publish([{ kind: 'clear' }]);
  await Promise.all([bus.close(), bus.close()]);
  await failureOf(bus.publish([{ kind: 'clear' }]), 'ERR_CACHE_CLOSED');
  await failureOf(bus.publish([]), 'ERR_CACHE_CLOSED');
});

test.each(['running', 'frozen', 'killed', 'half-open'])(
  'row 61: server %s: a process whose buses are closed has nothing left and ends by itself',
  async (state) => {
    const { server } = migrated;
    await using proxy = await startProxy(server.port);
    await using program = startProgram(new URL('./programs/buses.ts', import.meta.url), proxy.urlFor(server.url));
    expect(await program.ask('live')).toBe(true);
    if (state === 'frozen') await server.freeze();
    if (state === 'killed') await server.kill();
    if (state === 'half-open') proxy.halfOpen();
    // Long enough for deadlines to pass and connections to be replaced by ones that are still connecting.
    await program.ask('wait');
    await program.ask('close');
    const end = await program.end();
    if (state === 'frozen') await server.resume();
    if (state === 'killed') await server.restart();
    expect(end).toEqual({ code: 0, signal: null, stderr: '' });
  },
);
