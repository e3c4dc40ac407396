import type { Invalidation } from '@cache/core';

/** What is to be forgotten, and whether a stale copy may stay. */
export interface PendingInvalidation {
  readonly invalidation: Invalidation;
  readonly how: 'remove' | 'expire';
}

/** Invalidations of one kind that may be carried out by one call. */
export interface InvalidationBatch {
  readonly kind: Invalidation['kind'];
  readonly how: PendingInvalidation['how'];
  /** The keys, tags or prefix; empty for a clear. */
  readonly names: readonly string[];
  /** For `settle`. */
  readonly entries: readonly QueueEntry[];
}

interface QueueEntry extends PendingInvalidation {
  readonly id: string;
}

/** So many keys or tags in one call. */
const BATCH_SIZE = 500;

/**
 * Invalidations that a store has not acknowledged, one entry for each key, tag and prefix. When there are more than
 * `maxLength`, one clear stands for all of them: it forgets too much, never too little.
 *
 * Invariant: what was added leaves only by `settle` of a batch that was taken after it was added, or into a clear.
 */
export class InvalidationQueue {
  readonly #maxLength: number;
  readonly #entries = new Map<string, QueueEntry>();
  #overflows = 0;

  constructor(maxLength: number) {
    this.#maxLength = maxLength;
  }

  get length(): number {
    return this.#entries.size;
  }

  /** How often a clear took the place of what was too much. */
  get overflows(): number {
    return this.#overflows;
  }

  add({ invalidation, how }: PendingInvalidation): void {
    const id = idOf(invalidation);
    const known = this.#entries.get(id);
    // To the end, and as another object: a batch under way that holds the old one does not settle this one.
    this.#entries.delete(id);
    if (invalidation.kind === 'clear') this.#entries.clear();
    this.#entries.set(id, { id, invalidation, how: known?.how === 'remove' ? 'remove' : how });
    if (this.#entries.size <= this.#maxLength) return;
    this.#overflows += 1;
    this.add({ invalidation: { kind: 'clear' }, how: 'remove' });
  }

  /** The oldest entry and what the same call can carry out; `undefined` if there is none. They stay until they are settled. */
  next(): InvalidationBatch | undefined {
    const [first] = this.#entries.values();
    if (first === undefined) return undefined;
    const { how } = first;
    const { kind } = first.invalidation;
    const limit = kind === 'clearPrefix' ? 1 : BATCH_SIZE;
    const entries: QueueEntry[] = [];
    // From anywhere in the queue: removals may be carried out in any order.
    for (const entry of this.#entries.values()) {
      if (entry.invalidation.kind === kind && entry.how === how) entries.push(entry);
      if (entries.length === limit) break;
    }
    return { kind, how, names: entries.flatMap(({ invalidation }) => nameOf(invalidation) ?? []), entries };
  }

  /** The batch was carried out and acknowledged. What was added again meanwhile stays. */
  settle({ entries }: InvalidationBatch): void {
    for (const entry of entries) if (this.#entries.get(entry.id) === entry) this.#entries.delete(entry.id);
  }
}

/** The same, one entry to a call. */
export function oneByOne({ kind, how, entries }: InvalidationBatch): InvalidationBatch[] {
  return entries.map((entry) => ({ kind, how, names: [nameOf(entry.invalidation) ?? ''], entries: [entry] }));
}

function idOf(invalidation: Invalidation): string {
  return `${invalidation.kind}:${nameOf(invalidation) ?? ''}`;
}

function nameOf(invalidation: Invalidation): string | undefined {
  switch (invalidation.kind) {
    case 'key':
      return invalidation.key;
    case 'tag':
      return invalidation.tag;
    case 'clearPrefix':
      return invalidation.prefix;
    case 'clear':
      return undefined;
  }
}
