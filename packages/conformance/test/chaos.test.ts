import {
  conformanceRules,
  corruptingCache,
  EVERY_CAPABILITY,
  failingCache,
  hangingCache,
  interceptCalls,
  settle,
  slowCache,
} from '@cache/conformance';
import { ABSENT, type AsyncCache, toAsync } from '@cache/core';
import { describe, expect, test } from '@jest/globals';
import { MapCache } from './map-cache.ts';

const newCache = () => toAsync(new MapCache());
const collect = async (keys: AsyncIterable<string>) => {
  const all: string[] = [];
  for await (const key of keys) all.push(key);
  return all;
};

describe('failingCache', () => {
  test('rejects every call with CacheUnavailableError, and carries none out', async () => {
    const cache = newCache();
    const failing = failingCache(cache);
    await expect(failing.set('k', 1)).rejects.toMatchObject({
      code: 'ERR_CACHE_UNAVAILABLE',
      operation: 'set',
      ambiguous: false,
    });
    await expect(failing.increment('k')).rejects.toMatchObject({ code: 'ERR_CACHE_UNAVAILABLE' });
    await expect(collect(failing.keys())).rejects.toMatchObject({ operation: 'keys' });
    expect(await cache.exists('k')).toBe(false);
  });

  test('carries the call out and loses its answer when asked to', async () => {
    const cache = newCache();
    const failing = failingCache(cache, { when: 'after' });
    await expect(failing.set('k', 1)).rejects.toMatchObject({ code: 'ERR_CACHE_UNAVAILABLE', ambiguous: true });
    expect(await cache.get('k')).toBe(1);
  });

  test('fails only the calls named, only while it is on, with the error given, and can be closed', async () => {
    const cache = newCache();
    let isOn = true;
    const error = new Error('mine');
    const failing = failingCache(cache, { calls: ['get'], isOn: () => isOn, error: () => error });
    await failing.set('k', 1);
    await expect(failing.get('k')).rejects.toBe(error);
    isOn = false;
    expect(await failing.get('k')).toBe(1);
    await failingCache(cache).close();
    await expect(cache.get('k')).rejects.toMatchObject({ code: 'ERR_CACHE_CLOSED' });
  });
});

describe('hangingCache', () => {
  test('lets no call settle until it is let go, and carries it out then', async () => {
    const cache = newCache();
    let goOn = (): void => undefined;
    const hanging = hangingCache(cache, {
      until: new Promise<void>((resolve) => {
        goOn = resolve;
      }),
    });
    const late = hanging.set('k', 'late');
    await expect(settle(late, 20, 'set')).rejects.toThrow('set did not settle within 20 ms.');
    expect(await cache.exists('k')).toBe(false);
    goOn();
    await late;
    expect(await cache.get('k')).toBe('late');
  });

  test('hangs for ever unless told otherwise, as a failed rule and not as a stuck run', async () => {
    const [rule] = conformanceRules({
      name: 'hanging',
      create: () => hangingCache(newCache()),
      capabilities: EVERY_CAPABILITY,
      callLimitMs: 20,
    }).filter(({ name }) => name.startsWith('lists every key'));
    await expect(rule?.run()).rejects.toMatchObject({ code: 'ERR_ASSERTION' });
  });
});

describe('slowCache', () => {
  test('delays the request, or the answer', async () => {
    const cache = newCache();
    const delays: number[] = [];
    const delayMs = () => delays.push(1) && 5;
    const write = slowCache(cache, { delayMs, calls: ['set'] }).set('k', 1);
    expect(await cache.exists('k')).toBe(false);
    await write;
    expect(await cache.get('k')).toBe(1);
    const answered = slowCache(cache, { delayMs: 5, when: 'after' }).removeItem('k');
    await Promise.resolve();
    expect(await cache.exists('k')).toBe(false);
    expect(await answered).toBe(true);
    expect(delays).toHaveLength(1);
  });
});

describe('corruptingCache', () => {
  test('damages what is read, and nothing else', async () => {
    const cache = newCache();
    const corrupting = corruptingCache(cache, { corrupt: () => 'damaged' });
    await corrupting.set('k', { a: 1 });
    expect(await cache.get('k')).toEqual({ a: 1 });
    expect(await corrupting.get('k')).toBe('damaged');
    expect(await corrupting.get('none')).toBeUndefined();
    expect(await corrupting.mget(['k', 'none'])).toEqual(['damaged', undefined]);
    expect(await corrupting.inspect('k')).toMatchObject({ value: 'damaged' });
    expect(await corrupting.inspect('none')).toBeUndefined();
    expect(await corrupting.getEntries(['k', 'none'])).toMatchObject([{ value: 'damaged' }, { state: 'missing' }]);
    expect(await corrupting.getOrLease('k')).toMatchObject({ state: 'fresh', value: 'damaged' });
    expect(await corrupting.exists('k')).toBe(true);
    expect(await corrupting.getTtl('k')).toBeGreaterThan(0);
    expect(await corruptingCache(cache).get('k')).not.toEqual({ a: 1 });
  });

  test('leaves the knowledge that there is no value alone', async () => {
    const cache = newCache();
    const entry = await cache.getOrLease('k');
    if (!('lease' in entry) || entry.lease === undefined) throw new Error('no lease');
    await cache.fill(entry.lease, ABSENT);
    expect(await corruptingCache(cache).getOrLease('k')).toMatchObject({ state: 'absent' });
  });
});

test('wrappers compose, and keep the type and everything else of the cache', async () => {
  const cache = newCache();
  const wrapped = failingCache(slowCache(cache, { delayMs: 1 }), { calls: ['clear'] });
  const counters: AsyncCache = wrapped;
  await counters.set('n', 1);
  expect(await wrapped.increment('n')).toBe(2);
  expect(await collect(wrapped.keys())).toEqual(['n']);
  expect('fill' in wrapped && !('ping' in wrapped)).toBe(true);
  await expect(wrapped.clear()).rejects.toMatchObject({ operation: 'clear' });
});

test('interceptCalls shows each call with its arguments', async () => {
  const seen: unknown[] = [];
  const cache = interceptCalls(newCache(), {}, async ({ name, args, proceed }) => {
    seen.push([name, ...args]);
    return proceed();
  });
  await cache.set('k', 1, 5);
  await collect(cache.keys('k'));
  expect(seen).toEqual([
    ['set', 'k', 1, 5],
    ['keys', 'k'],
  ]);
});

test('settle gives what the call gives', async () => {
  expect(await settle(Promise.resolve(1), 1000)).toBe(1);
  await expect(settle(Promise.reject(new Error('its own')), 1000)).rejects.toThrow('its own');
});
