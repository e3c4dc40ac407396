import { jsonSerializer } from '@cache/core';
import { RedisCache } from '@cache/redis';
import { redisUrl, uniqueName } from '@cache/test-servers';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { createClient } from 'redis';
import { PATIENT } from './patience.ts';

const client = createClient({ url: redisUrl() });
beforeAll(() => client.connect());
afterAll(() => client.close());

function newCache(options: object = {}): RedisCache {
  return new RedisCache(client, { prefix: `${uniqueName('order')}:`, ...PATIENT, ...options });
}

describe('Calls of one tick', () => {
  test('on one key happen in the order in which they were made', async () => {
    const cache = newCache();
    const answers = await Promise.all([
      cache.get('k'),
      cache.set('k', 1),
      cache.get('k'),
      cache.removeItem('k'),
      cache.get('k'),
      cache.setWithNx('k', 2),
      cache.increment('k', 3),
      cache.get('k'),
      cache.set('k', 'tagged', { tags: ['t'] }),
      cache.get('k'),
      cache.exists('k'),
      cache.set('k', 'plain'),
      cache.mget(['k', 'other']),
      cache.getTtl('k'),
    ]);
    expect(answers.slice(0, 11)).toEqual([
      undefined,
      undefined,
      1,
      true,
      undefined,
      true,
      5,
      5,
      undefined,
      'tagged',
      true,
    ]);
    expect(answers[12]).toEqual(['plain', undefined]);
    expect(answers[13]).toBeGreaterThan(299);
  });

  test('keep their order whatever they are', async () => {
    const step = fc.record({
      key: fc.constantFrom('a', 'b', 'n'),
      call: fc.constantFrom('get', 'set', 'tagged', 'remove', 'mget', 'increment'),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 40 }), async (steps) => {
        const cache = newCache();
        const model = new Map<string, number>();
        const expected: unknown[] = [];
        const calls = steps.map(({ key: item, call }, index) => {
          // An increment that meets an item with tags asks twice, and what comes after it does not wait.
          const key = call === 'increment' ? 'n' : item;
          switch (call) {
            case 'get':
              expected.push(model.get(key));
              return cache.get(key);
            case 'mget':
              expected.push(['a', key].map((each) => model.get(each)));
              return cache.mget(['a', key]);
            case 'remove':
              expected.push(model.delete(key));
              return cache.removeItem(key);
            case 'increment':
              model.set(key, (model.get(key) ?? 0) + 1);
              expected.push(model.get(key));
              return cache.increment(key);
            case 'tagged':
              model.set('a', index);
              expected.push(undefined);
              return cache.set('a', index, { tags: ['t'] });
            default:
              model.set(key, index);
              expected.push(undefined);
              return cache.set(key, index, null);
          }
        });
        // A batch that reads a key which a call of two steps holds is asked later: it may see what was set after it.
        const answers = await Promise.all(calls);
        for (const [index, { call }] of steps.entries()) {
          if (call !== 'mget') expect(answers[index]).toEqual(expected[index]);
        }
        for (const key of ['a', 'b', 'n']) expect(await cache.get(key)).toEqual(model.get(key));
      }),
      { numRuns: 60, seed: 20_261_122 },
    );
  }, 60_000);

  test('keep their order with a serializer that takes its time', async () => {
    const json = jsonSerializer();
    let calls = 0;
    const cache = newCache({
      serializer: {
        format: 'json',
        serialize: async (value: unknown) => {
          calls += 1;
          // The first takes longer than the second.
          await new Promise((resolve) => setTimeout(resolve, calls === 1 ? 20 : 0));
          return json.serialize(value);
        },
        deserialize: async (payload: string) => json.deserialize(payload),
      },
    });
    const [, , seen] = await Promise.all([cache.set('k', 'first'), cache.set('k', 'second'), cache.get('k')]);
    expect(seen).toBe('second');
  });

  test('keep their order when one is made just as another that waited may go', async () => {
    for (let jobs = 0; jobs < 8; jobs += 1) {
      const cache = newCache();
      await cache.set('k', 'oldest', { tags: ['t'] });
      const first = cache.set('k', 'old', { tags: ['t'] });
      const removed = cache.removeItem('k');
      await first;
      for (let job = 0; job < jobs; job += 1) await null;
      await cache.set('k', 'new');
      expect(await removed).toBe(true);
      expect(await cache.get('k')).toBe('new');
    }
  });

  test('keep their order when one gives up waiting', async () => {
    const json = jsonSerializer();
    let finish = (): void => {};
    const isSlow = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const cache = newCache({
      writeTimeoutMs: 500,
      serializer: {
        format: 'json',
        serialize: async (value: unknown) => {
          if (value === 'slow') await isSlow;
          return json.serialize(value);
        },
        deserialize: (payload: string) => json.deserialize(payload),
      },
    });
    const slow = cache.set('k', 'slow');
    await expect(cache.set('k', 'in vain')).rejects.toMatchObject({ code: 'ERR_CACHE_TIMEOUT', ambiguous: false });
    const last = cache.set('k', 'last').then(
      () => 'stored',
      () => 'given up',
    );
    setImmediate(finish);
    await slow;
    expect(await cache.get('k')).toBe((await last) === 'stored' ? 'last' : 'slow');
  });

  test('keep their order beyond the first wave of a large batch', async () => {
    const cache = newCache();
    const entries = Array.from({ length: 3_000 }, (_, index) => [`k${index}`, index] as const);
    const stored = cache.mset(entries);
    const last = cache.get('k2999');
    const removed = cache.removeItem('k2998');
    expect(await last).toBe(2_999);
    expect(await removed).toBe(true);
    await stored;
    expect(await cache.exists('k2998')).toBe(false);
    expect(await cache.removeItems(entries.map(([key]) => key))).toBe(2_999);
  }, 30_000);

  test('harm no other when one has a bad value', async () => {
    const cache = newCache();
    const outcomes = await Promise.allSettled([
      cache.set('a', 1),
      cache.set('b', { big: 1n }),
      cache.get('a'),
      cache.get(''),
      cache.set('c', 3, -1),
      cache.increment('a', 0.5),
      cache.get('a'),
    ]);
    expect(outcomes.map((outcome) => (outcome.status === 'fulfilled' ? outcome.value : outcome.reason.code))).toEqual([
      undefined,
      'ERR_CACHE_VALUE',
      1,
      'ERR_CACHE_KEY',
      'ERR_CACHE_OPTION',
      'ERR_CACHE_VALUE',
      1,
    ]);
  });

  test('travel as one command for the reads, and none for an empty batch', async () => {
    const cache = newCache();
    const before = await calls();
    await Promise.all(Array.from({ length: 128 }, (_, index) => cache.get(`k${index}`)));
    const between = await calls();
    expect(between - before).toBe(1);
    expect(await cache.mget([])).toEqual([]);
    await cache.mset([]);
    expect(await cache.removeItems([])).toBe(0);
    expect(await cache.getEntries([])).toEqual([]);
    expect((await calls()) - between).toBe(0);
  });

  /** How many MGETs the cache's connection has sent: the only one on this server that reads keys of these tests. */
  async function calls(): Promise<number> {
    const info = await client.info('commandstats');
    return Number(/cmdstat_mget:calls=(\d+)/.exec(info)?.[1] ?? 0);
  }
});
