import { describe, expect, test } from '@jest/globals';
import { ClosedLoop } from '../servers/closed-loop.ts';
import { MapContestant } from './map-contestant.ts';

const SIZE = 200;
const KEYS = 64;
const workload = { operation: 'get', sizeBytes: SIZE, concurrency: 16 } as const;

describe('a slice', () => {
  test('counts the calls and keeps as many under way as asked', async () => {
    const cache = new MapContestant();
    const loop = await ClosedLoop.fill(cache, SIZE, KEYS);
    cache.highestConcurrency = 0;
    const { calls, elapsedMs } = await loop.measure(workload, 5);
    expect(calls).toBeGreaterThanOrEqual(4 * workload.concurrency);
    expect(elapsedMs).toBeGreaterThan(0);
    expect(cache.highestConcurrency).toBe(workload.concurrency);
  });

  test('overwrites every value with a new version and finds that version afterwards', async () => {
    const cache = new MapContestant();
    const loop = await ClosedLoop.fill(cache, SIZE, KEYS);
    const before = new Map(cache.items);
    const { calls } = await loop.measure({ ...workload, operation: 'set' }, 5);
    const changed = [...cache.items].filter(([key, text]) => before.get(key) !== text);
    expect(changed).toHaveLength(KEYS);
    expect(calls).toBeGreaterThanOrEqual(KEYS);
    await expect(loop.measure(workload, 5)).resolves.toHaveProperty('calls');
  });
});

describe('a contestant has no figures when', () => {
  test('a value is gone', async () => {
    const cache = new MapContestant();
    const loop = await ClosedLoop.fill(cache, SIZE, KEYS);
    cache.items.delete([...cache.items.keys()][5] ?? '');
    await expect(loop.measure(workload, 5)).rejects.toThrow(/answered undefined/);
  });

  test('it answers with the value of another key', async () => {
    const cache = new MapContestant();
    const loop = await ClosedLoop.fill(cache, SIZE, KEYS);
    const [first = '', second = ''] = cache.items.keys();
    cache.items.set(first, cache.items.get(second) ?? '');
    await expect(loop.measure(workload, 5)).rejects.toThrow(/not version/);
  });

  test('a write that it acknowledged is not there', async () => {
    const cache = new MapContestant();
    const loop = await ClosedLoop.fill(cache, SIZE, KEYS);
    cache.set = async () => {};
    await expect(loop.measure({ ...workload, operation: 'set' }, 5)).rejects.toThrow(/not version/);
  });

  test('the body it gives back is not the one it was given', async () => {
    const cache = new MapContestant();
    const { set } = cache;
    cache.set = (key, value) => set.call(cache, key, { ...value, body: 'lost' });
    await expect(ClosedLoop.fill(cache, SIZE, KEYS)).rejects.toThrow(/another body/);
  });

  test('a call rejects', async () => {
    const cache = new MapContestant();
    const loop = await ClosedLoop.fill(cache, SIZE, KEYS);
    cache.get = () => Promise.reject(new Error('connection reset'));
    await expect(loop.measure(workload, 5)).rejects.toThrow('connection reset');
  });
});
