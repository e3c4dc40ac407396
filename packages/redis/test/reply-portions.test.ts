import { RedisCache } from '@cache/redis';
import { redisUrl, uniqueName } from '@cache/test-servers';
import { describe, expect, test } from '@jest/globals';
import { PATIENT } from './patience.ts';

const KEYS = Array.from({ length: 64 }, (_, index) => `k${index}`);

describe('Replies that come together', () => {
  test('are told in two halves, so that who is told first has called again before the others go on', async () => {
    await using cache = await RedisCache.connect(redisUrl(), { prefix: `${uniqueName('portions')}:`, ...PATIENT });
    await cache.set('ready', 1);
    const toldPerTurn: number[] = [];
    let told = 0;
    const sample = (): void => {
      if (told > 0) toldPerTurn.push(told);
      told = 0;
      sampler = setImmediate(sample);
    };
    let sampler = setImmediate(sample);
    await Promise.all(
      KEYS.map(async (key) => {
        await cache.set(key, 1);
        told += 1;
      }),
    );
    await new Promise((resume) => setImmediate(resume));
    clearImmediate(sampler);
    expect(Math.max(...toldPerTurn)).toBeLessThanOrEqual(KEYS.length / 2);
    expect(toldPerTurn.reduce((sum, count) => sum + count)).toBe(KEYS.length);
  });

  test('have come in time, however long the first callers take to go on', async () => {
    const prefix = `${uniqueName('portions')}:`;
    await using cache = await RedisCache.connect(redisUrl(), { prefix, writeTimeoutMs: 600 });
    await cache.set('ready', 1);
    let isFirst = true;
    const sets = KEYS.map(async (key) => {
      await cache.set(key, key);
      if (!isFirst) return;
      isFirst = false;
      const until = performance.now() + 900;
      while (performance.now() < until);
    });
    await expect(Promise.all(sets)).resolves.toHaveLength(KEYS.length);
    expect(await cache.mget(KEYS)).toEqual(KEYS);
  });
});
