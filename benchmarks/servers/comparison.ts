import type { WorkloadResult } from './tournament.ts';
import type { Slice } from './workload.ts';

/** The middle half of some figures: a quarter of them lie below `low`, a quarter above `high`. */
export interface Spread {
  readonly low: number;
  readonly median: number;
  readonly high: number;
}

/** @throws RangeError when there are no figures */
export function spreadOf(figures: readonly number[]): Spread {
  if (figures.length === 0) throw new RangeError('There is no median of nothing.');
  const sorted = [...figures].sort((a, b) => a - b);
  const at = (share: number): number => {
    const position = share * (sorted.length - 1);
    const below = sorted[Math.floor(position)] as number;
    const above = sorted[Math.ceil(position)] as number;
    return below + (above - below) * (position - Math.floor(position));
  };
  return { low: at(0.25), median: at(0.5), high: at(0.75) };
}

export function callsPerSecond(slices: readonly Slice[]): Spread {
  return spreadOf(slices.map(({ calls, elapsedMs }) => (calls * 1_000) / elapsedMs));
}

export function cpuMicrosecondsPerCall(slices: readonly Slice[]): number {
  return spreadOf(slices.map(({ calls, cpuMs }) => (cpuMs * 1_000) / calls)).median;
}

/** How many times as fast `name` was as `baseline`, round by round; undefined when one of them has no figures. */
export function ratioOf(result: WorkloadResult, name: string, baseline: string): Spread | undefined {
  return ratios(result, [name, baseline], ({ calls, elapsedMs }) => calls / elapsedMs);
}

/** How many times as many calls `name` makes with the same CPU time of the client's process as `baseline`, likewise. */
export function cpuRatioOf(result: WorkloadResult, name: string, baseline: string): Spread | undefined {
  return ratios(result, [name, baseline], ({ calls, cpuMs }) => calls / cpuMs);
}

function ratios(
  { slices }: WorkloadResult,
  [name, baseline]: readonly [string, string],
  figure: (slice: Slice) => number,
): Spread | undefined {
  const theirs = slices.get(baseline) ?? [];
  const rounds = (slices.get(name) ?? []).flatMap((slice, round) => {
    const other = theirs[round];
    return other === undefined ? [] : [figure(slice) / figure(other)];
  });
  return rounds.length === 0 ? undefined : spreadOf(rounds);
}

/** The fastest of `names` at this workload. */
export function fastest(result: WorkloadResult, names: readonly string[]): string | undefined {
  const known = names.flatMap((name) => {
    const slices = result.slices.get(name);
    return slices === undefined || slices.length === 0 ? [] : [{ name, rate: callsPerSecond(slices).median }];
  });
  return known.sort((a, b) => b.rate - a.rate)[0]?.name;
}
