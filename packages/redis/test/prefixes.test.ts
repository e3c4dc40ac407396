import { sha256Keys } from '@cache/core';
import { RedisCache } from '@cache/redis';
import { redisUrl, startRedis, uniqueName } from '@cache/test-servers';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createClient } from 'redis';
import { PATIENT } from './patience.ts';

const client = createClient({ url: redisUrl() });
beforeAll(() => client.connect());
afterAll(() => client.close());

async function keysOf(cache: RedisCache, prefix?: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const key of cache.keys(prefix)) keys.push(key);
  return keys.sort();
}

describe('A prefix', () => {
  test.each(['a*', 'a[1]', 'a?', 'x"; drop', 'a\0b', 'a b', 'ü', 'x'.repeat(257)])('row 13: cannot be %j', (prefix) => {
    expect(() => new RedisCache(client, { prefix })).toThrow(expect.objectContaining({ code: 'ERR_CACHE_OPTION' }));
  });

  test('keeps neighbours apart, those too that begin alike', async () => {
    const base = uniqueName('prefix');
    const [one, other, dotted] = [`${base}.`, `${base}-x:`, `${base}:`].map(
      (prefix) => new RedisCache(client, { prefix, ...PATIENT }),
    ) as [RedisCache, RedisCache, RedisCache];
    await Promise.all([one.set('k', 1), other.set('k', 2), dotted.set('k', 3), dotted.set('k2', 4)]);
    await one.clear();
    expect(await one.get('k')).toBeUndefined();
    expect(await other.get('k')).toBe(2);
    expect(await keysOf(dotted)).toEqual(['k', 'k2']);
    await dotted.clear();
    expect(await keysOf(dotted)).toEqual([]);
    expect(await other.get('k')).toBe(2);
  });

  test('row 68: and the keys under it may hold every character that patterns know', async () => {
    const cache = new RedisCache(client, { prefix: `${uniqueName('glob')}:{x}.`, ...PATIENT });
    const keys = [
      'a*',
      'a**',
      'a?',
      'a[b]',
      'a[^b]',
      'a\\',
      'a\\*',
      'a-b',
      '*',
      '?',
      '[',
      ']',
      '^',
      '\r\n',
      ' ',
      '{',
      '}',
    ];
    await cache.mset(keys.map((key) => [key, key]));
    expect(await keysOf(cache)).toEqual([...keys].sort());
    for (const key of keys) {
      expect(await keysOf(cache, key)).toEqual(keys.filter((each) => each.startsWith(key)).sort());
    }
    await cache.clearPrefix('a*');
    expect(await keysOf(cache)).toEqual(keys.filter((key) => !key.startsWith('a*')).sort());
  });

  test('leaves the bookkeeping of tags alone when it is cleared, and lists none of it', async () => {
    const prefix = `${uniqueName('tags')}:`;
    const cache = new RedisCache(client, { prefix, ...PATIENT });
    await cache.set('a', 1, { tags: ['t'] });
    await cache.clear();
    expect(await client.exists(`${prefix}\0tags`)).toBe(1);
    expect(await keysOf(cache)).toEqual([]);
  });

  test('that is empty refuses to clear, unless that was asked for', async () => {
    await using server = await startRedis();
    const own = createClient({ url: server.url });
    await own.connect();
    try {
      await own.set('foreign', '1');
      const careful = new RedisCache(own, { prefix: '', ...PATIENT });
      await careful.set('mine', 1);
      await expect(careful.clear()).rejects.toMatchObject({ code: 'ERR_CACHE_OPTION' });
      await expect(careful.clearPrefix('')).rejects.toMatchObject({ code: 'ERR_CACHE_OPTION' });
      expect(await own.dbSize()).toBe(2);
      await careful.clearPrefix('mi');
      expect(await own.dbSize()).toBe(1);
      await new RedisCache(own, { prefix: '', allowClearAll: true, ...PATIENT }).clear();
      expect(await own.dbSize()).toBe(0);
    } finally {
      await own.close();
    }
  });
});

test('A key transformer shortens what is stored, and every call finds it', async () => {
  const prefix = `${uniqueName('hashed')}:`;
  const cache = new RedisCache(client, { prefix, keyTransformer: sha256Keys(), ...PATIENT });
  const key = 'long '.repeat(400);
  await cache.set(key, 1);
  expect(await cache.get(key)).toBe(1);
  expect(await cache.increment(key)).toBe(2);
  expect(await keysOf(cache)).toEqual([expect.stringMatching(/^[0-9a-f]{64}$/)]);
  expect(await cache.removeItem(key)).toBe(true);
});

test('A key transformer that fails is a key error, without what it said', async () => {
  const cache = new RedisCache(client, {
    keyTransformer: () => {
      throw new Error('the secret');
    },
  });
  const error = await cache.get('a').catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code: 'ERR_CACHE_KEY', operation: 'get' });
  expect(JSON.stringify(error)).not.toContain('secret');
});
