import { LatencyHistogram } from '@cache/core';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';

const ONE_MICROSECOND_IN_MS = 0.001;
const SEVENTY_MINUTES_IN_MS = 70 * 60_000;

function filled(durations: readonly number[]): LatencyHistogram {
  const histogram = new LatencyHistogram();
  for (const duration of durations) histogram.record(duration);
  return histogram;
}

function exactQuantile(durations: readonly number[], quantile: number): number {
  const sorted = [...durations].sort((left, right) => left - right);
  return sorted[Math.max(1, Math.ceil(quantile * sorted.length)) - 1] ?? 0;
}

/** Durations spread over all magnitudes, as those of memory and of slow servers are. */
const duration = fc
  .double({ min: Math.log(ONE_MICROSECOND_IN_MS), max: Math.log(SEVENTY_MINUTES_IN_MS), noNaN: true })
  .map((exponent) => Math.exp(exponent));

describe('a quantile', () => {
  test('is never too low, and at most 6.25 % too high', () => {
    fc.assert(
      fc.property(
        fc.array(duration, { minLength: 1, maxLength: 300 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (durations, q) => {
          const exact = exactQuantile(durations, q);
          const estimate = filled(durations).quantileMs(q);
          expect(estimate).toBeGreaterThanOrEqual(exact * (1 - 1e-12));
          expect(estimate).toBeLessThanOrEqual(exact * 1.0625 * (1 + 1e-12));
        },
      ),
      { numRuns: 300 },
    );
  });

  test('is within 62.5 ns below a microsecond', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: ONE_MICROSECOND_IN_MS, noNaN: true }), (short) => {
        const estimate = filled([short, 1]).quantileMs(0.5);
        expect(estimate).toBeGreaterThanOrEqual(short);
        expect(estimate - short).toBeLessThanOrEqual(0.0000625 * (1 + 1e-9));
      }),
    );
  });

  test('of one duration is that duration', () => {
    for (const only of [0, 0.0004, 1, 1234.5, 1e9]) {
      expect(filled([only]).quantileMs(0.5)).toBeLessThanOrEqual(only);
      expect(filled([only]).maxMs).toBe(only);
    }
  });

  test('is 0 before the first, and clamped to 0 and 1', () => {
    expect(new LatencyHistogram().quantileMs(0.5)).toBe(0);
    const histogram = filled([1, 2, 3]);
    expect(histogram.quantileMs(-1)).toBe(histogram.quantileMs(0));
    expect(histogram.quantileMs(2)).toBe(3);
  });

  test('holds at every power of two, where the buckets change', () => {
    for (let exponent = 0; exponent < 36; exponent += 1) {
      for (const offset of [-1, 0, 1]) {
        const exact = Math.max(0.001, (2 ** exponent + offset) / 16_000);
        const estimate = filled([exact, SEVENTY_MINUTES_IN_MS]).quantileMs(0.5);
        expect(estimate / exact).toBeGreaterThanOrEqual(1 - 1e-12);
        expect(estimate / exact).toBeLessThanOrEqual(1.0625 + 1e-12);
      }
    }
  });
});

test('count, sum, mean and maximum are exact', () => {
  const histogram = filled([1, 2, 3.5]);
  expect(histogram).toMatchObject({ count: 3, sumMs: 6.5, maxMs: 3.5 });
  expect(histogram.meanMs).toBeCloseTo(6.5 / 3, 12);
  expect(new LatencyHistogram()).toMatchObject({ count: 0, sumMs: 0, meanMs: 0, maxMs: 0 });
});

test('what is no duration counts as 0, and what is longer than 71 minutes as the longest', () => {
  const histogram = filled([-1, Number.NaN, Infinity, -Infinity]);
  expect(histogram).toMatchObject({ count: 4, sumMs: 0, maxMs: 0 });
  const long = filled([1e12, 2e12]);
  expect(long.maxMs).toBe(2e12);
  expect(long.buckets()).toHaveLength(1);
});

test('buckets are in order, cumulative, and bound what they hold', () => {
  fc.assert(
    fc.property(fc.array(duration, { maxLength: 100 }), (durations) => {
      const buckets = filled(durations).buckets();
      expect(buckets.at(-1)?.cumulativeCount ?? 0).toBe(durations.length);
      for (const [index, { upToMs, cumulativeCount }] of buckets.entries()) {
        expect(upToMs).toBeGreaterThan(buckets[index - 1]?.upToMs ?? 0);
        expect(cumulativeCount).toBe(durations.filter((one) => one < upToMs).length);
      }
    }),
  );
});

test('merged histograms are as one that recorded everything', () => {
  fc.assert(
    fc.property(fc.array(duration), fc.array(duration), (left, right) => {
      const merged = filled(left);
      merged.merge(filled(right));
      const whole = filled([...left, ...right]);
      expect(merged.buckets()).toEqual(whole.buckets());
      expect(merged).toMatchObject({ count: whole.count, maxMs: whole.maxMs });
      expect(merged.sumMs).toBeCloseTo(whole.sumMs, 3);
    }),
  );
});
