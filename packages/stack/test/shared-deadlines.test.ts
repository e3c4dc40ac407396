import { toAsync } from '@cache/core';
import { InMemoryCache } from '@cache/memory';
import { createCache, type SharedCache } from '@cache/stack';
import { describe, expect, it } from '@jest/globals';
import { ManualTimers } from './manual-timers.ts';

/** A second level whose reads wait until they are let go. */
function levelThatWaits() {
  const memory = toAsync(new InMemoryCache<string>({ maxSize: 1_000 }));
  const waiting: (() => void)[] = [];
  const cache: SharedCache<string> = Object.create(memory, {
    getEntries: {
      value: (...args: Parameters<typeof memory.getEntries>) => {
        // What it holds when it is asked: the answer may be old by the time it comes.
        const answer = memory.getEntries(...args);
        return new Promise((resolve) => waiting.push(() => resolve(answer)));
      },
    },
  });
  return {
    memory,
    cache,
    /** How many requests wait. */
    get asked(): number {
      return waiting.length;
    },
    letGo(): void {
      for (const go of waiting.splice(0)) go();
    },
  };
}

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
});
