import type { LoadAnswer } from './load-path.ts';

/** What a stack has done since it was made: what its levels cannot know, since only the stack sees both. */
export interface StackStatistics {
  /** Reads answered by the first level. */
  readonly l1Hits: number;
  /** Reads answered by the second level. */
  readonly l2Hits: number;
  /** Reads answered with a stale copy. */
  readonly staleHits: number;
  /** Reads that neither level could answer. */
  readonly misses: number;
  /** Calls that waited for a load of somebody else in this process. */
  readonly joins: number;
  /** Loaders called. */
  readonly loads: number;
  /** Loaders that failed. */
  readonly failedLoads: number;
  /** Loaded values that were not stored, because something was invalidated meanwhile or the lease was lost. */
  readonly fencedFills: number;
  /** Calls that the shared level failed and nobody heard of but `onError`. */
  readonly storeFailures: number;
  /** How often the circuit breaker opened. */
  readonly breakerOpenings: number;
  /** Calls that it refused without asking the shared level. */
  readonly refusedCalls: number;
  /** Invalidations that wait now to be carried out before the shared level is read again. */
  readonly queuedInvalidations: number;
  /** How often more were queued than may be, and a clear took their place. */
  readonly queueOverflows: number;
}

/** What the stack counts itself; the rest its breaker does. */
type Counts = Omit<StackStatistics, 'refusedCalls' | 'queuedInvalidations' | 'queueOverflows'>;

/** Counts them. Plain fields: an L1 hit adds one to a number and pays nothing else. */
export class StackCounter implements Counts {
  l1Hits = 0;
  l2Hits = 0;
  staleHits = 0;
  misses = 0;
  joins = 0;
  loads = 0;
  failedLoads = 0;
  fencedFills = 0;
  storeFailures = 0;
  breakerOpenings = 0;

  /** A read-through ended. */
  answered(answer: LoadAnswer<unknown>): void {
    const source = answer.kind === 'value' ? answer.source : 'loader';
    if (source === 'l1') this.l1Hits += 1;
    else if (source === 'l2') this.l2Hits += 1;
    else if (source === 'stale') this.staleHits += 1;
    else this.misses += 1;
  }

  /** The counts as they are now. */
  snapshot(): Counts {
    return { ...this };
  }
}
