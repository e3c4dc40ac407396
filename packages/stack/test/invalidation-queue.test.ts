import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type InvalidationBatch, InvalidationQueue, type PendingInvalidation } from '../src/invalidation-queue.ts';

/*
 * Invariant: whatever was added is carried out by a batch that was taken after it was added and then settled: by its own
 * name and at least as strictly, or by a clear. A queue that settles by name alone loses what was added again meanwhile.
 */
type Step = { readonly do: 'add'; readonly pending: PendingInvalidation } | { readonly do: 'take' | 'settle' };

const invalidation = fc.oneof(
  fc.constantFrom('a', 'b', 'c', 'd').map((key) => ({ kind: 'key', key }) as const),
  fc.constantFrom('s', 't').map((tag) => ({ kind: 'tag', tag }) as const),
  fc.constantFrom('p', 'q').map((prefix) => ({ kind: 'clearPrefix', prefix }) as const),
  fc.constant({ kind: 'clear' } as const),
);
const add = fc
  .record({ invalidation, how: fc.constantFrom('remove', 'expire') })
  .map((pending) => ({ do: 'add', pending }) as Step);
const script = fc.array(fc.oneof(add, add, fc.constantFrom<Step>({ do: 'take' }, { do: 'settle' })), { maxLength: 60 });

interface Added {
  readonly pending: PendingInvalidation;
  readonly at: number;
}

function play(steps: readonly Step[], queue: InvalidationQueue): string | undefined {
  let owed: Added[] = [];
  let taken: { readonly batch: InvalidationBatch; readonly at: number } | undefined;
  const settle = (): void => {
    if (taken === undefined) return;
    const { batch, at } = taken;
    queue.settle(batch);
    owed = owed.filter((one) => one.at > at || !covers(batch, one.pending));
    taken = undefined;
  };
  for (const [at, step] of steps.entries()) {
    if (step.do === 'add') {
      queue.add(step.pending);
      owed.push({ pending: step.pending, at });
    } else if (step.do === 'settle') settle();
    else {
      const batch = queue.next();
      if (batch !== undefined) taken = { batch, at };
    }
  }
  taken = undefined;
  for (let batch = queue.next(); batch !== undefined; batch = queue.next()) {
    taken = { batch, at: steps.length };
    settle();
  }
  return owed.length === 0 ? undefined : `never carried out: ${JSON.stringify(owed)}`;
}

function covers(batch: InvalidationBatch, { invalidation: one, how }: PendingInvalidation): boolean {
  if (batch.kind === 'clear') return true;
  if (batch.kind !== one.kind || (how === 'remove' && batch.how === 'expire')) return false;
  return batch.names.includes(one.kind === 'key' ? one.key : one.kind === 'tag' ? one.tag : one.prefix);
}

/** Settles by name, whatever was added since. */
class ForgetfulQueue extends InvalidationQueue {
  override settle(batch: InvalidationBatch): void {
    let now = this.next();
    const again: PendingInvalidation[] = [];
    for (; now !== undefined; now = this.next()) {
      again.push(...now.entries.filter(({ invalidation: one, how }) => !covers(batch, { invalidation: one, how })));
      super.settle(now);
    }
    for (const one of again) this.add(one);
  }
}

describe('the queue of invalidations', () => {
  it('loses nothing, in whatever order things are added, taken and settled', () => {
    fc.assert(
      fc.property(script, fc.integer({ min: 1, max: 6 }), (steps, maxLength) => {
        expect(play(steps, new InvalidationQueue(maxLength))).toBe(undefined);
      }),
      { numRuns: 5_000 },
    );
  });

  it('control: one that settles by name does', () => {
    const naive = fc.check(
      fc.property(script, (steps) => play(steps, new ForgetfulQueue(6)) === undefined),
      { numRuns: 5_000 },
    );
    expect(naive.failed).toBe(true);
  });

  it('never holds more than it may, and a clear takes the place of the rest', () => {
    fc.assert(
      fc.property(script, fc.integer({ min: 1, max: 6 }), (steps, maxLength) => {
        const queue = new InvalidationQueue(maxLength);
        for (const step of steps) {
          if (step.do === 'add') queue.add(step.pending);
          expect(queue.length).toBeLessThanOrEqual(maxLength);
        }
      }),
    );
  });

  it('takes five hundred keys at a time, and names each once', () => {
    const queue = new InvalidationQueue(10_000);
    for (let index = 0; index < 1_200; index += 1) {
      queue.add({ invalidation: { kind: 'key', key: `k${index % 600}` }, how: 'remove' });
    }
    expect(queue.length).toBe(600);
    const batch = queue.next();
    expect(new Set(batch?.names).size).toBe(500);
  });

  it('takes keys and tags that were added in turn in one call each', () => {
    const queue = new InvalidationQueue(10_000);
    for (let index = 0; index < 200; index += 1) {
      queue.add({ invalidation: { kind: 'key', key: `k${index}` }, how: 'remove' });
      queue.add({ invalidation: { kind: 'tag', tag: `t${index}` }, how: 'remove' });
    }
    const sizes: (number | undefined)[] = [];
    for (let batch = queue.next(); batch !== undefined; batch = queue.next()) {
      sizes.push(batch.names.length);
      queue.settle(batch);
    }
    expect(sizes).toEqual([200, 200]);
  });
});
