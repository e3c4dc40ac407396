import { RedisCache } from '@cache/redis';
import { type RedisCluster, settle, startLoad, startRedisCluster, waitUntil } from '@cache/test-servers';
import { describe, expect, test } from '@jest/globals';
import { createCluster } from 'redis';
import { administer } from './administrator.ts';
import { type OpenedCache, PREFIX } from './cache-clients.ts';
import { DEADLINES, failureOf, recovery, SETTLED_LIMIT_MS } from './failures.ts';

/** A node counts as failed after two seconds of silence; then come the election and the client's next look at the topology. */
const FAILOVER_LIMIT_MS = 60_000;

const KEYS = Array.from({ length: 60 }, (_, index) => `k${index}`);

async function openOn(servers: RedisCluster, defaults: { disableOfflineQueue?: boolean } = {}): Promise<OpenedCache> {
  const client = createCluster({ rootNodes: servers.urls.map((url) => ({ url })), defaults });
  const cache = new RedisCache(client, { prefix: PREFIX, ...DEADLINES });
  await client.connect();
  return {
    cache,
    async [Symbol.asyncDispose]() {
      await cache.close();
      client.destroy();
    },
  };
}

/** Leaves the slot that the keys share half way between two masters: every second key is on the one to which it moves. */
async function moveHalf(servers: RedisCluster, keys: readonly string[]): Promise<void> {
  await using anyone = await administer({ port: servers.masters[0]?.port ?? 0 });
  const slot = Number(await anyone.send('CLUSTER', 'KEYSLOT', `${PREFIX}${keys[0]}`));
  const index = Math.floor((slot * servers.masters.length) / 16_384);
  const [source, target] = [servers.masters[index], servers.masters[(index + 1) % servers.masters.length]];
  if (source === undefined || target === undefined) throw new Error('A cluster has three masters.');
  await using from = await administer(source);
  await using to = await administer(target);
  await to.send('CLUSTER', 'SETSLOT', `${slot}`, 'IMPORTING', String(await from.send('CLUSTER', 'MYID')));
  await from.send('CLUSTER', 'SETSLOT', `${slot}`, 'MIGRATING', String(await to.send('CLUSTER', 'MYID')));
  const moved = keys.filter((_, position) => position % 2 === 0).map((key) => PREFIX + key);
  await from.send('MIGRATE', '127.0.0.1', `${target.port}`, '', '0', '5000', 'KEYS', ...moved);
  const refusal = await from.send('MGET', ...keys.map((key) => PREFIX + key)).catch(String);
  if (!String(refusal).includes('TRYAGAIN')) throw new Error(`The slot is not half moved: ${refusal}`);
}

describe('row 29: a cluster', () => {
  test('row 29: with a slot half moved every single and batched call is right, and so are scripts', async () => {
    await using servers = await startRedisCluster();
    await using opened = await openOn(servers);
    const { cache } = opened;
    const names = Array.from({ length: 20 }, (_, index) => `{moving}${index}`);
    await cache.mset(names.map((name) => [name, name]));
    await moveHalf(servers, names);

    expect(await cache.mget([...names, ...KEYS])).toEqual([...names, ...KEYS.map(() => undefined)]);
    expect(await Promise.all(names.map((name) => cache.get(name)))).toEqual(names);
    await cache.mset(names.map((name) => [name, `${name}!`]));
    expect(await cache.mget(names)).toEqual(names.map((name) => `${name}!`));
    expect(await cache.increment('{moving}counter')).toBe(1);
    expect(await cache.setWithNx('{moving}0', 'other')).toBe(false);
    expect(await cache.setWithNx('{moving}19', 'other')).toBe(false);
    expect(await cache.getOrLease('{moving}new')).toMatchObject({ state: 'missing', lease: expect.anything() });
    await cache.set('{moving}tagged', 1, { tags: ['{moving}'] });
    await cache.invalidateTags(['{moving}']);
    expect(await cache.get('{moving}tagged')).toBeUndefined();
    expect(await cache.removeItems(names)).toBe(names.length);
    expect(await cache.mget(names)).toEqual(names.map(() => undefined));
  });

  test('row 28: with slots that nobody serves every call is unavailable or right, and all are right again afterwards', async () => {
    await using servers = await startRedisCluster();
    await using opened = await openOn(servers);
    const { cache } = opened;
    await cache.mset(KEYS.map((key) => [key, key]));
    const [first, second, lost] = servers.masters;
    if (first === undefined || second === undefined || lost === undefined)
      throw new Error('A cluster has three masters.');
    await using one = await administer(first);
    await using other = await administer(second);
    const bothSay = async (state: string): Promise<boolean> => {
      const views = await Promise.all([one, other].map((admin) => admin.send('CLUSTER', 'INFO')));
      return views.every((view) => String(view).includes(`cluster_state:${state}`));
    };
    await lost.freeze();
    await waitUntil('The cluster being down', FAILOVER_LIMIT_MS, () => bothSay('fail'));
    await Promise.all(KEYS.map((key) => failureOf(cache.get(key), 'ERR_CACHE_UNAVAILABLE', 'ERR_CACHE_TIMEOUT')));
    await lost.resume();
    await waitUntil('The cluster being up', FAILOVER_LIMIT_MS, () => bothSay('ok'));
    await recovery('Every key once the cluster is up', 30_000, () => cache.mget(KEYS));
    expect(await cache.mget(KEYS)).toEqual(KEYS);
  });

  test('row 29: a frozen master costs its own keys a timeout and the others nothing', async () => {
    await using servers = await startRedisCluster({ args: ['--cluster-require-full-coverage', 'no'] });
    await using opened = await openOn(servers);
    const { cache } = opened;
    await cache.mset(KEYS.map((key) => [key, key]));
    const [frozen] = servers.masters;
    await frozen?.freeze();
    const outcomes = await Promise.allSettled(KEYS.map((key) => cache.get(key)));
    const answered = outcomes.filter((outcome) => outcome.status === 'fulfilled');
    const failed = outcomes.filter((outcome) => outcome.status === 'rejected');
    expect(answered.length).toBeGreaterThan(0);
    expect(failed.length).toBeGreaterThan(0);
    expect(failed.map(({ reason }) => reason.code)).toEqual(failed.map(() => 'ERR_CACHE_TIMEOUT'));
    await frozen?.resume();
    await recovery('Every key once the master runs on', FAILOVER_LIMIT_MS, () => cache.mget(KEYS));
  });

  test('row 29: a killed master costs no call more than its deadline, and writes are back after the failover', async () => {
    await using servers = await startRedisCluster({ replicasPerMaster: 1 });
    await using opened = await openOn(servers);
    const { cache } = opened;
    let next = 0;
    const load = startLoad(10, async () => {
      next += 1;
      await cache.set(KEYS[next % KEYS.length] ?? '', next);
    });
    await waitUntil('100 sets', 30_000, () => load.succeeded >= 100);
    await servers.masters[0]?.kill();
    await waitUntil('A failed set', 30_000, () => load.failures.length > 0);
    await recovery('A set of every key after the failover', FAILOVER_LIMIT_MS, () =>
      cache.mset(KEYS.map((key) => [key, 'after'])),
    );
    await load.stop();
    expect(load.slowestMs).toBeLessThan(SETTLED_LIMIT_MS);
    const codes = new Set<string>(load.failures.map(({ code }) => code));
    expect([...codes].filter((code) => !/TIMEOUT|UNAVAILABLE/.test(code))).toEqual([]);
  });

  test('row 29: without offline queues, nothing that failed while a master was away is carried out when it is back', async () => {
    await using servers = await startRedisCluster({ args: ['--cluster-require-full-coverage', 'no'] });
    await using opened = await openOn(servers, { disableOfflineQueue: true });
    const { cache } = opened;
    await cache.mset(KEYS.map((key) => [key, 'before']));
    const [lost] = servers.masters;
    if (lost === undefined) throw new Error('A cluster has three masters.');
    await using onLost = await administer(lost);
    const itsKeys = new Set(
      ((await onLost.send('KEYS', `${PREFIX}*`)) as string[]).map((key) => key.slice(PREFIX.length)),
    );
    await lost.kill();
    await Promise.all(
      KEYS.map(async (key) => {
        const outcome = await settle(cache.set(key, 'during'), SETTLED_LIMIT_MS);
        if (itsKeys.has(key)) expect({ key, state: outcome.state }).toEqual({ key, state: 'rejected' });
      }),
    );
    await lost.restart();
    await recovery('Every key once the master is back', FAILOVER_LIMIT_MS, () => cache.mget(KEYS));
    const found = await cache.mget(KEYS);
    expect(KEYS.filter((_, index) => found[index] === undefined)).toEqual(KEYS.filter((key) => itsKeys.has(key)));
  });
});
