import { expect, test } from '@jest/globals';
import { cpuRatioOf, fastest, ratioOf, spreadOf } from '../servers/comparison.ts';

const slice = (calls: number, elapsedMs = 10) => ({ calls, elapsedMs, cpuMs: 1 });
const result = {
  workload: { operation: 'get', sizeBytes: 200, concurrency: 1 },
  slices: new Map([
    ['ours', [slice(200), slice(20), slice(400)]],
    ['theirs', [slice(100), slice(10), slice(100)]],
    ['slow', [slice(1), slice(1), slice(1)]],
  ]),
} as const;

test('a ratio is taken round by round, so that a round in which the machine was busy counts like any other', () => {
  expect(ratioOf(result, 'ours', 'theirs')).toEqual({ low: 2, median: 2, high: 3 });
});

test('calls per CPU time are compared apart from calls per second', () => {
  expect(cpuRatioOf(result, 'theirs', 'slow')?.median).toBe(100);
});

test('who has no figures has no ratio', () => {
  expect(ratioOf(result, 'ours', 'disqualified')).toBeUndefined();
});

test('the baseline is the fastest of those that may be one', () => {
  expect(fastest(result, ['slow', 'theirs', 'disqualified'])).toBe('theirs');
  expect(fastest(result, ['disqualified'])).toBeUndefined();
});

test('a median lies between the two middle figures of an even number of them', () => {
  expect(spreadOf([4, 1, 3, 2]).median).toBe(2.5);
});
