/** What an item carries beyond value and deadline; kept beside the arrays for the few that need it. */
export interface ItemDetails {
  /** When it stops being fresh, in the cache's milliseconds; the slot's own deadline is when it stops being kept. */
  readonly freshUntilMs: number;
  /** How long it is kept after that. */
  readonly staleForMs: number;
  readonly storedAtMs: number;
  readonly tags: readonly string[];
  /** The tag log's number when the value's load began, or when it was set. */
  readonly tagSequence: number;
  readonly loadDurationMs: number | undefined;
  /** A negative entry: it is known that there is no value. */
  readonly isAbsent: boolean;
}

/** True if the slot's deadline alone says whether the item is fresh: no tag can end it, it is not kept beyond, and it has a value. */
export function isFreshUntilDeadline({ tags, staleForMs, isAbsent }: ItemDetails): boolean {
  return tags.length === 0 && staleForMs === 0 && !isAbsent;
}
