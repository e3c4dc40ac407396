import { inspect } from 'node:util';
import { RedisCache, type RedisCacheOptions, redisBus } from '@cache/redis';
import { redisUrl, startRedis, uniqueName, waitUntil } from '@cache/test-servers';
import { describe, expect, test } from '@jest/globals';
import { createClient, createClientPool, RESP_TYPES } from 'redis';
import { PATIENT } from './patience.ts';

describe('A client that is handed in', () => {
  test('has a listener for errors from then on, and stays open when the cache is closed', async () => {
    const client = createClient({ url: redisUrl() });
    const cache = new RedisCache(client);
    expect(client.listenerCount('error')).toBe(1);
    for (let count = 0; count < 20; count += 1) new RedisCache(client);
    expect(client.listenerCount('error')).toBe(1);
    await client.connect();
    await cache.close();
    await cache.close();
    expect(client.isOpen).toBe(true);
    await expect(cache.get('a')).rejects.toMatchObject({ code: 'ERR_CACHE_CLOSED' });
    await client.close();
  });

  test('and was never connected, or was closed, is a configuration error', async () => {
    const client = createClient({ url: redisUrl() });
    const cache = new RedisCache(client, PATIENT);
    await expect(cache.get('a')).rejects.toMatchObject({ code: 'ERR_CACHE_OPTION' });
    await client.connect();
    expect(await cache.get(uniqueName('none'))).toBeUndefined();
    await client.close();
    await expect(cache.set('a', 1)).rejects.toMatchObject({ code: 'ERR_CACHE_OPTION' });
  });

  test('may decode its own replies as it likes', async () => {
    const client = createClient({
      url: redisUrl(),
      commandOptions: { typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer } },
    });
    await client.connect();
    const cache = new RedisCache(client, { prefix: `${uniqueName('mapping')}:`, ...PATIENT });
    await cache.set('a', { b: 1 }, { tags: ['t'] });
    expect(await cache.get('a')).toEqual({ b: 1 });
    expect(await cache.getOrLease('a')).toMatchObject({ state: 'fresh', tags: ['t'] });
    await client.close();
  });

  test('cannot be a pool, which keeps no order, nor something else', () => {
    const wrong = [createClientPool({ url: redisUrl() }), {}, null, 'redis://localhost'] as unknown as [never];
    for (const client of wrong) {
      expect(() => new RedisCache(client)).toThrow(expect.objectContaining({ code: 'ERR_CACHE_OPTION' }));
      expect(() => redisBus(client)).toThrow(expect.objectContaining({ code: 'ERR_CACHE_OPTION' }));
    }
  });

  test.each([
    ['one server', {}],
    ['Sentinel', { connector: {}, sentinelName: 'mymaster' }],
    ['a cluster', { isCluster: true, slots: [], nodes: () => [] }],
  ])('cannot be one of ioredis for %s, whose commands are objects: node-redis is named', (_, particular) => {
    let listeners = 0;
    const sendCommand = (command: { setReplyContext(): void }) => command.setReplyContext();
    const ioredis = { status: 'ready', options: {}, duplicate: () => ioredis, sendCommand, ...particular } as object;
    Object.assign(ioredis, { on: () => (listeners += 1) });
    for (const make of [() => new RedisCache(ioredis as never), () => redisBus(ioredis as never)]) {
      expect(make).toThrow(
        expect.objectContaining({ code: 'ERR_CACHE_OPTION', message: expect.stringContaining('node-redis') }),
      );
    }
    expect(listeners).toBe(0);
  });

  test.each([
    { readTimeoutMs: 0 },
    { writeTimeoutMs: Number.POSITIVE_INFINITY },
    { maxPending: 0.5 },
    { maxBatchSize: 0 },
    { maxValueBytes: -1 },
    { defaultExpirationInSeconds: 0 },
    { serializer: JSON },
    { serializer: 'json' },
    { serializer: {} },
    { serializer: null },
    { bus: 'x' },
    { bus: { origin: 'x', publish: () => {} } },
  ])('row 13: is not used with the options %j', async (given) => {
    const options = given as RedisCacheOptions;
    const client = createClient({ url: redisUrl() });
    expect(() => new RedisCache(client, options)).toThrow(expect.objectContaining({ code: 'ERR_CACHE_OPTION' }));
    await expect(RedisCache.connect(redisUrl(), options)).rejects.toMatchObject({ code: 'ERR_CACHE_OPTION' });
  });
});

describe('RedisCache.connect', () => {
  test('makes a client of its own and closes it', async () => {
    const name = uniqueName('own');
    {
      await using cache = await RedisCache.connect<number>(redisUrl(), { prefix: `${name}:`, ...PATIENT });
      await cache.set('a', 1);
      expect(await cache.get('a')).toBe(1);
      expect(await cache.ping()).toBeGreaterThan(0);
    }
    const cache = await RedisCache.connect(redisUrl(), { prefix: `${name}:`, RESP: 2, ...PATIENT });
    expect(await cache.get('a')).toBe(1);
    await cache.close();
    await expect(cache.get('a')).rejects.toMatchObject({ code: 'ERR_CACHE_CLOSED' });
  });

  test('settles while the server is down, and finds it when it comes', async () => {
    const server = await startRedis();
    await server.stop();
    await using cache = await RedisCache.connect(server.url, { connectTimeoutMs: 100 });
    await expect(cache.get('a')).rejects.toMatchObject({ code: 'ERR_CACHE_UNAVAILABLE', ambiguous: false });
    await expect(cache.set('a', 1)).rejects.toMatchObject({ code: 'ERR_CACHE_UNAVAILABLE', ambiguous: false });
    await server.restart();
    await waitUntil('A set that succeeds', 10_000, async () => {
      await cache.set('a', 1);
      return true;
    });
    await server.close();
  }, 30_000);
});

describe('A database number that the server does not have', () => {
  const url = `${redisUrl().replace(/\/\d*$/, '')}/99999`;
  const refusal = { code: 'ERR_CACHE_OPTION', message: expect.stringContaining('no database of this number') };

  test('is a configuration error of connect', async () => {
    await expect(RedisCache.connect(url, { connectTimeoutMs: 20_000 })).rejects.toMatchObject(refusal);
  });

  test('is one of every call on a client that is handed in, and no write of it is ambiguous', async () => {
    const client = createClient({ url, disableOfflineQueue: true, socket: { reconnectStrategy: 50 } });
    const cache = new RedisCache(client, { hooks: { onError: () => {} }, ...PATIENT });
    const connecting = client.connect().catch(() => {});
    await waitUntil('The server has refused', 10_000, async () => {
      const error: unknown = await cache.get('a').catch((reason: unknown) => reason);
      return (error as { code?: string }).code === 'ERR_CACHE_OPTION';
    });
    for (const call of [() => cache.get('a'), () => cache.set('a', 1), () => cache.increment('n')]) {
      await expect(call()).rejects.toMatchObject(refusal);
    }
    client.destroy();
    await connecting;
  });
});

describe('Arguments that are none', () => {
  test.each([
    ['mget of a string', (cache: RedisCache) => cache.mget('abc' as never), 'array of strings; got string'],
    ['removeItems of a Set', (cache: RedisCache) => cache.removeItems(new Set(['a']) as never), 'got object'],
    ['getEntries of nothing', (cache: RedisCache) => cache.getEntries(undefined as never), 'got undefined'],
    ['mset of an object', (cache: RedisCache) => cache.mset({ a: 1 } as never), 'Object.entries(object)'],
    ['mset of a string', (cache: RedisCache) => cache.mset('ab' as never), 'a pair [key, value]; got string'],
    ['invalidateTags of a string', (cache: RedisCache) => cache.invalidateTags('t' as never), 'got string'],
    ['fill of a key', (cache: RedisCache) => cache.fill('k' as never, 1), 'A lease is what getOrLease granted'],
  ])('are refused by name, not as an outage: %s', async (_, call, message) => {
    // Nobody connects it: what reached it would be another error.
    const cache = new RedisCache(createClient({ url: redisUrl() }));
    const error: unknown = await call(cache).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'ERR_CACHE_OPTION', message: expect.stringContaining(message) });
    expect(error).not.toHaveProperty('ambiguous');
  });

  test.each([undefined, 5, '\ud83d'])('are named as prefixes where a prefix was asked for: %j', async (prefix) => {
    const cache = new RedisCache(createClient({ url: redisUrl() }));
    await expect(cache.clearPrefix(prefix as string)).rejects.toMatchObject({
      code: 'ERR_CACHE_KEY',
      message: expect.stringContaining('A prefix of keys'),
    });
  });
});

describe('Secrets', () => {
  const CANARY = 'canary-7f3a';
  const show = (error: unknown): string =>
    inspect(error, { showHidden: true, depth: 9 }) + JSON.stringify(error) + String((error as Error).stack);

  test('appear in no error: neither the password of a URL nor a value', async () => {
    const errors: unknown[] = [];
    const keep = (error: unknown) => errors.push(error);
    await RedisCache.connect(`redis://user:${CANARY}@127.0.0.1:notaport`).catch(keep);
    await RedisCache.connect(`http://user:${CANARY}@127.0.0.1`).catch(keep);
    await using server = await startRedis({ args: ['--requirepass', 'right'] });
    await RedisCache.connect(server.url.replace('redis://', `redis://default:${CANARY}@`)).catch(keep);
    await RedisCache.connect(server.url).catch(keep);

    const client = createClient({ url: server.url.replace('redis://', 'redis://default:right@') });
    await client.connect();
    const hooks = { onError: ({ error }: { error: unknown }) => errors.push(error) };
    const cache = new RedisCache(client, { hooks, maxValueBytes: 100, ...PATIENT });
    await cache.set('a', CANARY.repeat(20)).catch(keep);
    await cache.set('a', { a: [CANARY, new Map([[CANARY, 1]])] }).catch(keep);
    await cache
      .set('a', {
        toJSON: () => {
          throw new Error(CANARY);
        },
      })
      .catch(keep);
    await client.set('cache:bad', `{"${CANARY}`);
    await cache.get('bad');
    await client.hSet('cache:hash', CANARY, CANARY);
    await cache.increment('hash').catch(keep);
    await client.configSet('maxmemory', '1');
    await cache.set('a', CANARY).catch(keep);
    await cache.increment('n').catch(keep);
    const bus = redisBus(client);
    await bus.publish([{ kind: 'key', key: CANARY }]).catch(keep);
    await client.configSet('maxmemory', '0');
    await client.close();
    await cache.set('a', CANARY).catch(keep);
    expect(errors.length).toBeGreaterThan(15);
    for (const error of errors) expect(show(error)).not.toContain(CANARY);
  }, 30_000);
});
