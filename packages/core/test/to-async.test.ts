import { type AsyncCache, toAsync } from '@cache/core';
import { expect, test } from '@jest/globals';
import { PlainMapCache } from './plain-map-cache.ts';

async function collect(keys: AsyncIterable<string>): Promise<string[]> {
  const all: string[] = [];
  for await (const key of keys) all.push(key);
  return all;
}

test('a function that takes an AsyncCache takes a synchronous one', async () => {
  const count = async (cache: AsyncCache<number>) => {
    await cache.set('n', ((await cache.get('n')) ?? 0) + 1, 60);
    return cache.get('n');
  };
  const cache = toAsync(new PlainMapCache<number>());
  expect(await count(cache)).toBe(1);
  expect(await count(cache)).toBe(2);
});

test('every call answers a promise, of what the cache answers', async () => {
  const source = new PlainMapCache();
  const cache = toAsync(source);
  for (const answer of [cache.get('k'), cache.set('k', 1), cache.exists('k'), cache.removeItem('k'), cache.clear()]) {
    expect(answer).toBeInstanceOf(Promise);
  }
  await cache.mset([
    ['a', 1],
    ['b', 2],
  ]);
  expect(await cache.mget(['b', 'none', 'a'])).toEqual([2, undefined, 1]);
  expect(await cache.inspect('a')).toEqual({ value: 1, expiresAt: null });
  expect(await cache.removeItems(['a', 'none'])).toBe(1);
  expect(await cache.exists('b')).toBe(true);
  expect(await cache.clearPrefix('b')).toBeUndefined();
  expect(source.items.size).toBe(0);
});

test('what the cache throws is a rejection, never thrown', async () => {
  const cache = toAsync(new PlainMapCache());
  const answer = cache.get('');
  await expect(answer).rejects.toThrow('bad key');
});

test('keys are listed asynchronously, may be given up, and fail as a rejection', async () => {
  const cache = toAsync(new PlainMapCache());
  await cache.mset([
    ['a1', 1],
    ['a2', 1],
    ['b', 1],
  ]);
  expect(await collect(cache.keys('a'))).toEqual(['a1', 'a2']);
  for await (const key of cache.keys()) {
    expect(key).toBe('a1');
    break;
  }
  await cache.close();
  await expect(collect(cache.keys())).rejects.toThrow('closed');
});

test('only what the cache has is there', () => {
  const cache = toAsync(new PlainMapCache());
  expect('increment' in cache).toBe(false);
  expect('getOrLease' in cache).toBe(false);
  expect('invalidateTags' in cache).toBe(false);
});

test('await using closes it', async () => {
  const source = new PlainMapCache();
  await toAsync(source)[Symbol.asyncDispose]();
  expect(source.isClosed).toBe(true);
});
