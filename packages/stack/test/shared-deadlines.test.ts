import { createCache } from '@cache/stack';
import { describe, expect, it } from '@jest/globals';
import { levelThatWaits } from './level-that-waits.ts';
import { ManualTimers } from './manual-timers.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('calls of the second level that begin together', () => {
  it('have one timer, and are all given up with it', async () => {
    const timers = new ManualTimers();
    const delays: number[] = [];
    const counting = {
      now: () => timers.now(),
      after: (delayMs: number, callback: () => void) => {
        delays.push(delayMs);
        return timers.after(delayMs, callback);
      },
    };
    const level = levelThatWaits();
    const cache = createCache<string>({ l2: level.cache, timers: counting, l2TimeoutMs: 700 });
    const reads: Promise<string | undefined>[] = [];
    for (let index = 0; index < 20; index += 1) {
      reads.push(cache.get(`k${index}`));
      await Promise.resolve();
      await Promise.resolve();
    }
    await turn();
    expect(level.asked).toBeGreaterThan(5);
    expect(delays.filter((delayMs) => delayMs === 700)).toHaveLength(1);
    await timers.advance(700);
    expect(await Promise.all(reads)).toEqual(reads.map(() => undefined));
    expect(cache.statistics.storeFailures).toBeGreaterThan(0);
    await cache.close();
  });

  it('have no timer of those before, which may be nearly over', async () => {
    const timers = new ManualTimers();
    const { cache: l2, memory, letGo } = levelThatWaits();
    await memory.set('b', 'kept');
    const cache = createCache<string>({ l2, timers, l2TimeoutMs: 700 });
    const first = cache.get('a');
    await turn();
    await timers.advance(699);
    const second = cache.get('b');
    await turn();
    await timers.advance(1);
    expect(await first).toBeUndefined();
    await timers.advance(698);
    letGo();
    expect(await second).toBe('kept');
    await cache.close();
  });

  it('leave one that begins two milliseconds later its own time', async () => {
    const timers = new ManualTimers();
    const level = levelThatWaits();
    const cache = createCache<string>({ l2: level.cache, timers, l2TimeoutMs: 700 });
    const ended: string[] = [];
    const read = (key: string): Promise<unknown> => cache.get(key).then(() => ended.push(key));
    const first = read('first');
    await timers.advance(2);
    const second = read('second');
    await timers.advance(698);
    expect(ended).toEqual(['first']);
    await timers.advance(2);
    await Promise.all([first, second]);
    expect(ended).toEqual(['first', 'second']);
    await cache.close();
  });
});
