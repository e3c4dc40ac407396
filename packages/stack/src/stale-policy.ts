import type { ResolvedLoadOptions } from './get-or-set-options.ts';
import type { LoadPolicy } from './load-path.ts';

/** When a stale copy may answer, by the options of a call. */
export function stalePolicy(
  { staleInSeconds, softTimeoutMs }: ResolvedLoadOptions,
  isForced: boolean,
): LoadPolicy<unknown>['stale'] {
  if (isForced || staleInSeconds === 0) return 'never';
  if (softTimeoutMs === 0) return 'atOnce';
  return softTimeoutMs === Number.POSITIVE_INFINITY ? 'onError' : 'afterSoftTimeout';
}
