import { type CacheHooks, CacheStatistics, composeKeyTransformers, prefixKeys, sha256Keys } from '@cache/core';
import { prometheusHooks } from '@cache/prometheus';
import { createCache } from '@cache/stack';
import { uniqueName } from '@cache/test-servers';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Registry } from 'prom-client';
import { logFailures } from '../src/failure-log.ts';
import { logSlowLoads } from '../src/slow-load-log.ts';
import { tenantKeys } from '../src/tenant-keys.ts';
import { type AnyCache, BACKENDS, Backends } from './backends.ts';

const backends = new Backends();
beforeAll(() => backends.open());
afterAll(() => backends.close());

/** Everything that hooks are told, as lines. */
function recorder(): { readonly lines: string[]; readonly hooks: CacheHooks } {
  const lines: string[] = [];
  const hooks: CacheHooks = {
    onHit: ({ operation, key }) => lines.push(`hit ${operation} ${key}`),
    onMiss: ({ operation, key }) => lines.push(`miss ${operation} ${key}`),
    onSet: ({ operation, key }) => lines.push(`set ${operation} ${key}`),
    onRemove: ({ operation, key }) => lines.push(`remove ${operation} ${key}`),
    onError: ({ operation, error }) => lines.push(`error ${operation} ${error.code}`),
    onOperation: ({ operation, outcome }) => lines.push(`${operation}: ${outcome}`),
  };
  return { lines, hooks };
}

/** `keys` tells what is stored. */
async function storedKeys(cache: AnyCache): Promise<string[]> {
  const keys: string[] = [];
  for await (const key of cache.keys()) keys.push(key);
  return keys.sort();
}

describe.each(BACKENDS)('%s', (name) => {
  const create = (wanted: Omit<Parameters<(typeof backends)[typeof name]>[0], 'place'>, place = uniqueName('obs')) =>
    backends[name]({ ...wanted, place });

  test('tells hooks the same of the same calls, with keys as the application gave them', async () => {
    const { lines, hooks } = recorder();
    const cache = create({ hooks, keyTransformer: prefixKeys('stored:') });
    await cache.get('a');
    await cache.set('a', 1);
    await cache.get('a');
    await cache.mset([
      ['b', 2],
      ['c', 3],
    ]);
    await cache.mget(['a', 'b', 'nobody']);
    await cache.increment('count');
    await cache.setWithNx('a', 9);
    await cache.removeItem('a');
    await cache.removeItem('a');
    await expect(cache.get('')).rejects.toMatchObject({ code: 'ERR_CACHE_KEY' });
    expect(lines).toEqual([
      'miss get a',
      'get: miss',
      'set set a',
      'set: done',
      'hit get a',
      'get: hit',
      'set mset b',
      'set mset c',
      'mset: done',
      'hit mget a',
      'hit mget b',
      'miss mget nobody',
      'mget: done',
      'set increment count',
      'increment: done',
      'setWithNx: done',
      'remove removeItem a',
      'removeItem: done',
      'removeItem: done',
      'error get ERR_CACHE_KEY',
      'get: error',
    ]);
  });

  test('is unharmed by hooks that throw or reject', async () => {
    const bad: CacheHooks = {
      onSet: () => {
        throw new Error('bad hook');
      },
      onOperation: (() => Promise.reject(new Error('bad hook'))) as () => void,
    };
    const cache = create({ hooks: [bad, recorder().hooks] });
    await cache.set('k', 'value');
    expect(await cache.get('k')).toBe('value');
  });

  test('keeps tenants apart, and hashes their long keys below the tenant’s prefix', async () => {
    const place = uniqueName('tenants');
    const heard: string[] = [];
    const hooks: CacheHooks = { onSet: ({ key }) => heard.push(key) };
    const acme = create({ keyTransformer: tenantKeys('acme'), hooks }, place);
    const globex = create({ keyTransformer: tenantKeys('globex') }, place);
    const query = `orders?${'x'.repeat(5_000)}`;
    await acme.set('user:1', 'Ada');
    await acme.set(query, 'many');
    await globex.set('user:1', 'Grace');
    expect([await acme.get('user:1'), await globex.get('user:1')]).toEqual(['Ada', 'Grace']);
    expect([await acme.get(query), await globex.get(query)]).toEqual(['many', undefined]);
    expect(heard).toEqual(['user:1', query]);
    const stored = (await storedKeys(acme)).filter((key) => key.startsWith('acme:'));
    expect(stored).toEqual([expect.stringMatching(/^acme:[0-9a-f]{64}$/), 'acme:user:1']);
  });

  test('refuses a key that a transformer makes none of, and goes on', async () => {
    const cache = create({ keyTransformer: (key) => (key === 'bad' ? '' : `k:${key}`) });
    await expect(cache.set('bad', 1)).rejects.toMatchObject({ code: 'ERR_CACHE_KEY' });
    await cache.set('good', 1);
    expect(await cache.get('good')).toBe(1);
  });

  test('is counted by statistics and exporters alike', async () => {
    const statistics = new CacheStatistics();
    const register = new Registry();
    const cache = create({ hooks: [statistics, prometheusHooks({ register })] });
    await cache.set('a', 1);
    await cache.mget(['a', 'b', 'c']);
    await cache.get('a');
    const [counted] = statistics.snapshot();
    expect(counted).toMatchObject({ hits: 2, misses: 2, sets: 1, hitRatio: 0.5, errors: 0 });
    expect(Object.keys(counted?.latencies ?? {}).sort()).toEqual(['get', 'mget', 'set']);
    const text = await register.metrics();
    const total = (result: string): number =>
      [...text.matchAll(new RegExp(`^cache_reads_total\\{.*result="${result}".*\\} (\\d+)$`, 'gm'))].reduce(
        (sum, [, value]) => sum + Number(value),
        0,
      );
    expect([total('hit'), total('miss')]).toEqual([2, 2]);
  });

  test('loads through a stack whose slow loads are logged', async () => {
    const log: string[] = [];
    const below = create({});
    const cache = createCache({ name: 'users', l2: below, hooks: logSlowLoads(0, (line) => log.push(line)) });
    await cache.getOrSet('user:1', () => 'Ada');
    await cache.getOrSet('user:1', () => 'nobody');
    await expect(cache.getOrSet('user:2', () => Promise.reject(new Error('down')))).rejects.toThrow('down');
    await cache.close();
    expect(log).toEqual([
      expect.stringMatching(/^users: loading user:1 took \d+ ms \(done\)$/),
      expect.stringMatching(/^users: loading user:2 took \d+ ms \(error\)$/),
    ]);
  });
});

test.each(['redis', 'postgres', 'stackOnRedis', 'stackOnPostgres'] as const)(
  '%s: one tenant of a shared store is cleared through a cache without a transformer, and no other with it',
  async (name) => {
    const place = uniqueName('tenants');
    const acme = backends[name]({ place, keyTransformer: tenantKeys('acme') });
    const globex = backends[name]({ place, keyTransformer: tenantKeys('globex') });
    await acme.set('user:1', 'Ada');
    await acme.set('x'.repeat(5_000), 'long');
    await globex.set('user:1', 'Grace');
    const all = backends[name]({ place });
    await all.clearPrefix('acme:');
    expect(await storedKeys(all)).toEqual(['globex:user:1']);
    expect(await globex.get('user:1')).toBe('Grace');
  },
);

test('a load that is fast enough is not logged', async () => {
  const log: string[] = [];
  const { onLoad } = logSlowLoads(200, (line) => log.push(line));
  const load = { cache: 'users', backend: 'stack', key: 'user:1', outcome: 'done' } as const;
  onLoad?.({ ...load, durationMs: 199 });
  onLoad?.({ ...load, durationMs: 200.4 });
  expect(log).toEqual(['users: loading user:1 took 200 ms (done)']);
});

test('failures are logged once a while, with how many there were', async () => {
  const log: string[] = [];
  let nowMs = 0;
  const cache = backends.memory({
    place: '',
    hooks: logFailures(
      60_000,
      (line) => log.push(line),
      () => nowMs,
    ),
  });
  for (let round = 0; round < 3; round += 1) await expect(cache.get('')).rejects.toThrow();
  nowMs = 60_000;
  await expect(cache.get('')).rejects.toThrow();
  expect(log).toEqual([
    'memory (memory): get failed with ERR_CACHE_KEY, 1 times',
    'memory (memory): get failed with ERR_CACHE_KEY, 3 times',
  ]);
});

test('a tenant’s name cannot reach into another’s keys', () => {
  for (const tenant of ['', 'a:b', 'acme:user', 'Ä']) expect(() => tenantKeys(tenant)).toThrow(TypeError);
});

test('transformers are applied in the order in which they are given', () => {
  const hashLast = composeKeyTransformers(prefixKeys('acme:'), sha256Keys());
  const prefixLast = composeKeyTransformers(sha256Keys(), prefixKeys('acme:'));
  expect(hashLast('user:1')).toMatch(/^[0-9a-f]{64}$/);
  expect(prefixLast('user:1')).toMatch(/^acme:[0-9a-f]{64}$/);
});
