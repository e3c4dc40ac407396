import { describe, expect, test } from '@jest/globals';
import { bareNs, overheadInPercent, type PairedBlock } from '../observability/paired-blocks.ts';

function block(bare: number, watched: number): PairedBlock {
  return { wallNs: { bare, watched }, cpuNs: { bare: bare / 2, watched: watched / 4 } };
}

describe('The overhead of paired blocks', () => {
  test('is the median of the ratios within blocks, so that a slow moment changes nothing', () => {
    const processes = [
      [block(100, 102), block(1_000, 1_020)],
      [block(100, 101), block(100, 300)],
    ];
    expect(overheadInPercent(processes, 'wallNs').median).toBeCloseTo(2);
    expect(overheadInPercent(processes, 'cpuNs').median).toBeCloseTo(-49);
    expect(bareNs(processes, 'wallNs')).toBe(100);
  });

  test('is as uncertain as the processes disagree, however many blocks each of them has', () => {
    const blocks = (watched: number): PairedBlock[] => Array.from({ length: 100 }, () => block(100, watched));
    const { low, median, high } = overheadInPercent([blocks(100), blocks(104), blocks(120)], 'wallNs');
    expect([low, median, high].map(Math.round)).toEqual([0, 4, 20]);
    expect(overheadInPercent([blocks(104), blocks(104)], 'wallNs')).toMatchObject({
      low: expect.closeTo(4),
      high: expect.closeTo(4),
    });
  });
});
