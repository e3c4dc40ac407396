import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { WriteQueue, type WriteQueuePolicy } from '../src/write-queue.ts';
import type { WriteQueueCommand } from '../src/write-queue-events.ts';
import { type Flaw, NaiveWriteQueue } from './naive-write-queue.ts';
import { type AnyQueue, type Happening, type StoreAnswer, WriteQueueWorld } from './write-queue-world.ts';

const POLICY: WriteQueuePolicy = {
  maxBatch: 3,
  maxDelayMs: 10,
  maxQueue: 4,
  maxAttempts: 2,
  minRetryDelayMs: 10,
  maxRetryDelayMs: 80,
  isJournaled: false,
  canBury: true,
  nextId: (last) => last + 1,
  random: () => 1,
};

const answer: fc.Arbitrary<StoreAnswer> = fc.record({
  isApplied: fc.boolean(),
  outcome: fc.constantFrom('done', 'done', 'untold', 'outage', 'refused', 'unknown'),
});

const happening: fc.Arbitrary<Happening> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant('offer' as const),
      key: fc.constantFrom('a', 'a', 'a', 'b', 'b', 'c', 'd', 'e', 'f'),
      kind: fc.constantFrom('write', 'write', 'remove'),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('giveUpWaiting' as const), nth: fc.nat(5) }) },
  {
    weight: 5,
    arbitrary: fc.record({ type: fc.constant('journal' as const), isKept: fc.constantFrom(true, true, true, false) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant('answer' as const),
      isBatched: fc.boolean(),
      answers: fc.array(answer, { minLength: 1, maxLength: 4 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('bury' as const), isTaken: fc.boolean() }) },
  { weight: 4, arbitrary: fc.record({ type: fc.constant('pass' as const), ms: fc.constantFrom(1, 10, 100) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('drain' as const), isDraining: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('crash' as const), isApplied: fc.boolean() }) },
);

/** The first broken promise in so many random courses of events. */
function firstComplaint(
  create: () => AnyQueue,
  isJournaled: boolean,
  runs: number,
  maxQueue: number = POLICY.maxQueue,
): string | undefined {
  let complaint: string | undefined;
  const property = fc.property(fc.array(happening, { maxLength: 60, size: 'max' }), (happenings) => {
    const world = new WriteQueueWorld(create, isJournaled, maxQueue);
    for (const each of happenings) world.happen(each);
    world.comeToRest();
    complaint = world.complaint;
    return world.complaint === undefined;
  });
  const details = fc.check(property, { numRuns: runs });
  return details.failed ? `${complaint}: ${fc.defaultReportMessage(details)}` : undefined;
}

describe('The queue keeps its promises in any order of events', () => {
  it('with a journal, through crashes', () => {
    expect(firstComplaint(() => new WriteQueue({ ...POLICY, isJournaled: true }), true, 3_000)).toBeUndefined();
  });

  it('without a journal', () => {
    expect(firstComplaint(() => new WriteQueue(POLICY), false, 3_000)).toBeUndefined();
  });

  it('with nobody to take poison', () => {
    const create = (): AnyQueue => new WriteQueue({ ...POLICY, canBury: false });
    expect(firstComplaint(create, false, 2_000)).toBeUndefined();
  });

  it.each([
    { isJournaled: true, keys: 2 },
    { isJournaled: false, keys: 2 },
    { isJournaled: false, keys: 3 },
  ])('with room for $keys writes, where the first failure is poison: journal $isJournaled', ({ isJournaled, keys }) => {
    const narrow = { ...POLICY, isJournaled, maxQueue: keys, maxBatch: 2, maxAttempts: 1 };
    expect(firstComplaint(() => new WriteQueue(narrow), isJournaled, 3_000, keys)).toBeUndefined();
  });

  it('and the checker has nothing against a simple queue that is right', () => {
    expect(firstComplaint(() => new NaiveWriteQueue('none'), true, 2_000, Number.POSITIVE_INFINITY)).toBeUndefined();
  });

  it.each<Flaw>([
    'an older write is repeated over a newer one',
    'a key is sent again while it is in flight',
    'a write counts as done when it is sent',
    'the first write of a key wins',
    'a failed write is dropped',
    'what is in flight is not read',
  ])('control: it finds that %s', (flaw) => {
    expect(firstComplaint(() => new NaiveWriteQueue(flaw), true, 5_000, Number.POSITIVE_INFINITY)).toBeDefined();
  });
});

/** Drives a queue by hand. */
class Hand {
  readonly #queue: WriteQueue<number>;
  #ticket = 0;
  nowMs = 0;

  constructor(policy: Partial<WriteQueuePolicy> = {}) {
    this.#queue = new WriteQueue({ ...POLICY, maxQueue: 100, ...policy });
  }

  offer(...keys: string[]): readonly WriteQueueCommand<number>[] {
    return keys.flatMap((key) => {
      this.#ticket += 1;
      const operation = { kind: 'write', value: this.#ticket } as const;
      return this.#queue.handle({ type: 'offered', ticket: this.#ticket, key, operation }, this.nowMs);
    });
  }

  flushed(outcome: 'done' | 'outage' | 'refused' | 'unknown', ...keys: string[]): readonly WriteQueueCommand<number>[] {
    return this.#queue.handle({ type: 'flushed', results: [{ keys, outcome }] }, this.nowMs);
  }

  pass(ms: number): readonly WriteQueueCommand<number>[] {
    this.nowMs += ms;
    return this.#queue.handle({ type: 'due' }, this.nowMs);
  }
}

function sentKeys(commands: readonly WriteQueueCommand<number>[]): string[] {
  return commands.flatMap((command) => (command.do === 'flush' ? command.writes.map(({ key }) => key) : []));
}

function delays(commands: readonly WriteQueueCommand<number>[]): number[] {
  return commands.flatMap((command) => (command.do === 'retry' ? [command.delayMs] : []));
}

describe('A batch', () => {
  it('is sent as soon as it is full', () => {
    const hand = new Hand();
    expect(sentKeys(hand.offer('a', 'b'))).toEqual([]);
    expect(sentKeys(hand.offer('c'))).toEqual(['a', 'b', 'c']);
  });

  it('is sent when its oldest write has waited maxDelayMs, however often that is replaced', () => {
    const hand = new Hand();
    hand.offer('a');
    hand.pass(9);
    hand.offer('a');
    expect(sentKeys(hand.pass(1))).toEqual(['a']);
  });

  it('is repeated as it was after an outage, after pauses that double up to the longest', () => {
    const hand = new Hand();
    hand.offer('a', 'b', 'c');
    const pauses = [1, 2, 3, 4, 5, 6].flatMap(() => {
      const [delayMs = 0] = delays(hand.flushed('outage', 'a', 'b', 'c'));
      expect(sentKeys(hand.pass(delayMs - 1))).toEqual([]);
      expect(sentKeys(hand.pass(1))).toEqual(['a', 'b', 'c']);
      return delayMs;
    });
    expect(pauses).toEqual([10, 20, 40, 80, 80, 80]);
  });

  it('waits between half a pause and all of it, by chance', () => {
    const hand = new Hand({ random: () => 0 });
    hand.offer('a', 'b', 'c');
    expect(delays(hand.flushed('outage', 'a', 'b', 'c'))).toEqual([5]);
  });

  it('that is refused is halved until the one to blame stands alone, and the others are through', () => {
    const hand = new Hand({ maxBatch: 8 });
    const keys = [...'abcdefgh'];
    const through: string[] = [];
    const alone: string[] = [];
    let sent = sentKeys(hand.offer(...keys));
    let calls = 0;
    while (sent.length > 0 && alone.length === 0) {
      calls += 1;
      if (sent.includes('f') && sent.length === 1) alone.push(...sent);
      if (!sent.includes('f')) through.push(...sent);
      sent = sentKeys(hand.flushed(sent.includes('f') ? 'refused' : 'done', ...sent));
    }
    expect(alone).toEqual(['f']);
    expect([...through].sort()).toEqual([...'abcdegh']);
    expect(calls).toBeLessThanOrEqual(7);
  });
});

describe('A write that fails by itself', () => {
  it('is handed over after maxAttempts refusals, and holds up nobody', () => {
    const hand = new Hand({ maxBatch: 1 });
    hand.offer('poison');
    const first = hand.flushed('refused', 'poison');
    expect(delays(first)).toEqual([10]);
    expect(sentKeys(hand.offer('other'))).toEqual(['other']);
    hand.flushed('done', 'other');
    expect(sentKeys(hand.pass(10))).toEqual(['poison']);
    expect(hand.flushed('refused', 'poison').map((command) => command.do)).toEqual(['bury']);
  });

  it('with an error that says nothing is not to blame until another one got through', () => {
    const hand = new Hand({ maxBatch: 1 });
    hand.offer('suspect');
    for (let attempt = 0; attempt < 10; attempt += 1) {
      expect(hand.flushed('unknown', 'suspect').some((command) => command.do === 'bury')).toBe(false);
      expect(sentKeys(hand.pass(80))).toEqual(['suspect']);
    }
    hand.flushed('unknown', 'suspect');
    expect(sentKeys(hand.offer('other'))).toEqual(['other']);
    hand.flushed('done', 'other');
    expect(sentKeys(hand.pass(80))).toEqual(['suspect']);
    expect(hand.flushed('unknown', 'suspect').map((command) => command.do)).toEqual(['bury']);
  });

  it('is poison under no outage, however long', () => {
    const hand = new Hand({ maxBatch: 1 });
    hand.offer('a');
    for (let attempt = 0; attempt < 100; attempt += 1) {
      expect(hand.flushed('outage', 'a').some((command) => command.do === 'bury')).toBe(false);
      hand.pass(80);
    }
  });
});
