import { InMemoryCache } from '@cache/memory';
import { createCache } from '@cache/stack';
import { describe, expect, it } from '@jest/globals';
import { levelThatWaits } from './level-that-waits.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('a value on its way while many tags are invalidated', () => {
  it.each([1, 63, 64, 65, 500])('is not kept near if the first of %i is one of its own', async (count) => {
    const { cache: l2, memory, letGo } = levelThatWaits();
    await memory.set('k', 'old', { expirationInSeconds: 60, tags: ['own'] });
    const l1 = new InMemoryCache<string>({ maxSize: 10 });
    const cache = createCache<string>({ l1, l2 });
    const reading = cache.get('k');
    await turn();
    await cache.invalidateTags(['own']);
    for (let index = 1; index < count; index += 1) await cache.invalidateTags([`other${index}`]);
    letGo();
    await reading;
    await turn();
    expect(l1.get('k')).toBeUndefined();
    await cache.close();
  });

  it('is kept near if none of them is its own', async () => {
    const { cache: l2, memory, letGo } = levelThatWaits();
    await memory.set('k', 'good', { expirationInSeconds: 60, tags: ['own'] });
    const l1 = new InMemoryCache<string>({ maxSize: 10 });
    const cache = createCache<string>({ l1, l2 });
    for (let index = 0; index < 100; index += 1) await cache.invalidateTags([`before${index}`]);
    const reading = cache.get('k');
    await turn();
    for (let index = 0; index < 100; index += 1) await cache.invalidateTags([`during${index}`]);
    letGo();
    expect(await reading).toBe('good');
    expect(l1.get('k')).toBe('good');
    await cache.close();
  });
});
