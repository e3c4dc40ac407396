import { median } from '../memory/results.ts';

/** The cache that nobody watches, and the one with hooks. */
export type Arm = 'bare' | 'watched';

/** What one call took in the two arms of a block, in nanoseconds: by the clock, and of the process's processor time. */
export interface PairedBlock {
  readonly wallNs: Readonly<Record<Arm, number>>;
  readonly cpuNs: Readonly<Record<Arm, number>>;
}

/** A median, and between which figures it lies in 19 of 20 repetitions. */
export interface MedianInterval {
  readonly low: number;
  readonly median: number;
  readonly high: number;
}

const RESAMPLES = 1_000;

/**
 * By how much longer a call took with hooks, in percent: the median of the ratios within the blocks, with its 95 % interval by
 * bootstrap over processes (Davison and Hinkley, Bootstrap Methods and their Application, section 3.8). Blocks of one
 * process are no independent figures: its code is compiled a little better or worse for as long as it lives.
 *
 * @param processes the blocks that each process gave
 */
export function overheadInPercent(
  processes: readonly (readonly PairedBlock[])[],
  of: 'wallNs' | 'cpuNs',
): MedianInterval {
  const figures = processes.map((blocks) => blocks.map((block) => (block[of].watched / block[of].bare - 1) * 100));
  const medians = Array.from({ length: RESAMPLES }, () =>
    median(figures.flatMap(() => figures[Math.floor(Math.random() * figures.length)] ?? [])),
  ).sort((a, b) => a - b);
  const at = (share: number): number => medians[Math.floor(share * (RESAMPLES - 1))] as number;
  return { low: at(0.025), median: median(figures.flat()), high: at(0.975) };
}

/** What a call took without hooks, in nanoseconds. */
export function bareNs(processes: readonly (readonly PairedBlock[])[], of: 'wallNs' | 'cpuNs'): number {
  return median(processes.flat().map((block) => block[of].bare));
}
