import { setImmediate as nextTurn } from 'node:timers/promises';
import { toAsync } from '@cache/core';
import { InMemoryCache } from '@cache/memory';
import { createCache } from '@cache/stack';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import fc from 'fast-check';

type Asked = readonly [call: 'lease' | 'fill', turn: number];

/** A second level that keeps every question until it is told to answer: all that came then are answered in one turn. */
function levelThatAnswersTogether() {
  const memory = toAsync(new InMemoryCache<string>({ maxSize: 1_000 }));
  const asked: Asked[] = [];
  const answers: (() => void)[] = [];
  let turn = 0;
  const later = <T>(call: Asked[0], ask: () => T): Promise<Awaited<T>> => {
    asked.push([call, turn]);
    return new Promise((resolve, reject) => {
      answers.push(() => void Promise.resolve(ask()).then(resolve, reject));
    });
  };
  const l2: typeof memory = Object.create(memory, {
    getOrLease: {
      value: (...args: Parameters<typeof memory.getOrLease>) => later('lease', () => memory.getOrLease(...args)),
    },
    fill: { value: (...args: Parameters<typeof memory.fill>) => later('fill', () => memory.fill(...args)) },
  });
  return {
    l2,
    asked,
    get turn(): number {
      return turn;
    },
    /** Answers what was asked, and lets one turn of the event loop go by. */
    async answer(): Promise<void> {
      for (const answer of answers.splice(0)) answer();
      await this.letPass();
    },
    async letPass(): Promise<void> {
      await nextTurn();
      turn += 1;
    },
  };
}

const keys = (count: number): string[] => Array.from({ length: count }, (_, index) => `k${index}`);

afterEach(() => {
  jest.useRealTimers();
});

describe('answers of the second level that come together', () => {
  it.each([
    [16, 1],
    [40, 2],
    [200, 2],
  ])(
    'of %i loads are dealt with in %i portions, each of which has asked for its fills before the next',
    async (count, portions) => {
      const level = levelThatAnswersTogether();
      const cache = createCache<string>({ l2: level.l2 });
      const loadedIn: number[] = [];
      const loads = keys(count).map((key) =>
        cache.getOrSet(key, () => {
          loadedIn.push(level.turn);
          return key;
        }),
      );
      await level.letPass();
      await level.answer();
      for (let turn = 0; turn < 6; turn += 1) await level.letPass();

      const turns = [...new Set(loadedIn)];
      expect(turns).toHaveLength(portions);
      expect(turns.map((turn) => loadedIn.filter((other) => other === turn).length)).toEqual(
        Array.from({ length: portions }, () => count / portions),
      );
      const filledIn = level.asked.filter(([call]) => call === 'fill').map(([, turn]) => turn);
      expect(filledIn).toEqual(loadedIn);

      await level.answer();
      expect(await Promise.all(loads)).toEqual(keys(count));
    },
  );

  it('reach everybody, each with its own value, however many there are and however they come', async () => {
    const waves = fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(waves, fc.infiniteStream(fc.boolean()), async (sizes, coins) => {
        const level = levelThatAnswersTogether();
        const cache = createCache<string>({ l1: new InMemoryCache({ maxSize: 1_000 }), l2: level.l2 });
        const all: Promise<string | undefined>[] = [];
        let isSettled = false;
        for (const [wave, size] of sizes.entries()) {
          for (const key of keys(size)) all.push(cache.getOrSet(`${wave}:${key}`, () => `${wave}:${key}`));
          await level.letPass();
          if (coins.next().value === true) await level.answer();
        }
        void Promise.all(all).then(() => {
          isSettled = true;
        });
        while (!isSettled) await level.answer();
        const expected = sizes.flatMap((size, wave) => keys(size).map((key) => `${wave}:${key}`));
        expect(await Promise.all(all)).toEqual(expected);
      }),
      { numRuns: 50 },
    );
  });

  it('are not kept near if their key is removed while they wait for their turn', async () => {
    const level = levelThatAnswersTogether();
    const cache = createCache<string>({ l1: new InMemoryCache({ maxSize: 1_000 }), l2: level.l2 });
    const loads = keys(40).map((key) => cache.getOrSet(key, () => 'old'));
    await level.letPass();
    await level.answer();
    for (let turn = 0; turn < 6; turn += 1) await level.letPass();
    const answered = level.answer();
    await cache.removeItem('k39');
    await answered;
    for (let turn = 0; turn < 6; turn += 1) await level.letPass();
    expect(await Promise.all(loads)).toEqual(Array.from({ length: 40 }, () => 'old'));
    expect(await cache.get('k38')).toBe('old');
    expect(await cache.get('k39')).toBe(undefined);
  });

  it('do not wait for a clock that a test has stopped', async () => {
    jest.useFakeTimers();
    const cache = createCache<string>({ l2: toAsync(new InMemoryCache<string>({ maxSize: 1_000 })) });
    expect(await Promise.all(keys(100).map((key) => cache.getOrSet(key, () => key)))).toEqual(keys(100));
  });
});
