import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type ResolvedBreakerOptions, resolveBreakerOptions } from '../src/breaker-options.ts';
import { type BreakerState, CircuitBreaker, type RecoveryAttempt } from '../src/circuit-breaker.ts';
import { DEFAULT_L2_TIMEOUT_MS } from '../src/guarded-level.ts';
import { ManualTimers } from './manual-timers.ts';

/*
 * The oracle is written from what a breaker promises, not from how it is made:
 *
 * 1. It opens by THRESHOLD failures in a row of calls that began since it closed, or by `trip`, and by nothing else.
 * 2. No attempt begins before half of the longest pause that may be due, nor later than all of it, counted from when it opened
 *    or from the beginning of the attempt before it; one that lasted longer is followed at once.
 * 3. There is one attempt in a half-open phase, and none otherwise.
 * 4. It closes by the success of that attempt, and by nothing else.
 * 5. Outcomes of calls and attempts of an earlier period change nothing.
 * 6. One timer is set while it is open, none otherwise.
 * 7. Each change is told once, in order.
 */
const THRESHOLD = 2;
const FIRST_PAUSE_MS = 100;
const MAX_PAUSE_MS = 1_000;

interface Rig {
  readonly timers: ManualTimers;
  readonly breaker: CircuitBreaker;
  readonly attempts: { readonly attempt: RecoveryAttempt; readonly atMs: number }[];
  readonly told: BreakerState[];
}

interface Model {
  state: BreakerState;
  failures: number;
  /** Every call under way, with whether it began in the period that is now. */
  calls: { readonly period: number; isCurrent: boolean }[];
  attemptsCount: number;
  openedAtMs: number;
  /** Since when the pause counts. */
  pausesSinceMs: number;
  told: BreakerState[];
}

function rig(random: () => number): Rig {
  const timers = new ManualTimers();
  const attempts: Rig['attempts'][number][] = [];
  const told: BreakerState[] = [];
  const breaker = new CircuitBreaker({
    failureThreshold: THRESHOLD,
    firstPauseMs: FIRST_PAUSE_MS,
    maxPauseMs: MAX_PAUSE_MS,
    timers,
    random,
    recover: (attempt) => attempts.push({ attempt, atMs: timers.now() }),
    onChange: (state) => told.push(state),
  });
  return { timers, breaker, attempts, told };
}

function enter(model: Model, state: BreakerState, nowMs: number, pausesSinceMs: number = nowMs): void {
  model.state = state;
  model.failures = 0;
  for (const call of model.calls) call.isCurrent = false;
  model.told.push(state);
  if (state !== 'open') return;
  model.openedAtMs = nowMs;
  model.pausesSinceMs = pausesSinceMs;
}

function check(model: Model, { breaker, attempts, timers, told }: Rig): void {
  expect(breaker.state).toBe(model.state);
  expect(breaker.isClosed).toBe(model.state === 'closed');
  expect(attempts).toHaveLength(model.attemptsCount);
  expect(timers.pending).toBe(model.state === 'open' ? 1 : 0);
  expect(told).toEqual(model.told);
}

type Command = fc.AsyncCommand<Model, Rig>;

const begin: Command = {
  check: () => true,
  async run(model, real) {
    model.calls.push({ period: real.breaker.period, isCurrent: true });
    check(model, real);
  },
  toString: () => 'a call begins',
};

const end = (which: number, outcome: 'succeeded' | 'failed'): Command => ({
  check: ({ calls }) => calls.length > 0,
  async run(model, real) {
    const [call] = model.calls.splice(which % model.calls.length, 1);
    if (call === undefined) return;
    real.breaker[outcome](call.period);
    if (call.isCurrent && model.state === 'closed') {
      model.failures = outcome === 'failed' ? model.failures + 1 : 0;
      if (model.failures === THRESHOLD) enter(model, 'open', real.timers.now());
    }
    check(model, real);
  },
  toString: () => `call ${which} ${outcome}`,
});

const trip: Command = {
  check: () => true,
  async run(model, real) {
    real.breaker.trip();
    if (model.state === 'closed') enter(model, 'open', real.timers.now());
    check(model, real);
  },
  toString: () => 'trip',
};

const tryNow: Command = {
  check: () => true,
  async run(model, real) {
    real.breaker.tryNow();
    if (model.state === 'open') {
      enter(model, 'halfOpen', real.timers.now());
      model.attemptsCount += 1;
    }
    check(model, real);
  },
  toString: () => 'try now',
};

const wait = (ms: number): Command => ({
  check: () => true,
  async run(model, real) {
    await real.timers.advance(ms);
    if (model.state === 'open') {
      const { openedAtMs, pausesSinceMs } = model;
      const begun = real.attempts[model.attemptsCount];
      if (begun !== undefined) {
        expect(begun.atMs).toBeGreaterThanOrEqual(Math.max(openedAtMs, pausesSinceMs + FIRST_PAUSE_MS / 2));
        expect(begun.atMs).toBeLessThanOrEqual(Math.max(openedAtMs, pausesSinceMs + MAX_PAUSE_MS));
        enter(model, 'halfOpen', real.timers.now());
        model.attemptsCount += 1;
      } else expect(real.timers.now()).toBeLessThan(pausesSinceMs + MAX_PAUSE_MS);
    }
    check(model, real);
  },
  toString: () => `wait ${ms} ms`,
});

/** Attempts of the past included: each may say how it ended any number of times. */
const endAttempt = (which: number, outcome: 'succeed' | 'refused' | 'silent'): Command => ({
  check: ({ attemptsCount }) => attemptsCount > 0,
  async run(model, real) {
    const index = real.attempts.length - 1 - (which % real.attempts.length);
    const begun = real.attempts[index];
    if (begun === undefined) return;
    if (outcome === 'succeed') begun.attempt.succeed();
    else begun.attempt.fail(outcome);
    const isCurrent = model.state === 'halfOpen' && index === model.attemptsCount - 1;
    if (isCurrent) enter(model, outcome === 'succeed' ? 'closed' : 'open', real.timers.now(), begun.atMs);
    check(model, real);
  },
  toString: () => `attempt ${which} from the end: ${outcome}`,
});

/** So that calls that began before an outage often end after it. */
const outage: Command = {
  check: ({ state }) => state === 'closed',
  async run(model, real) {
    for (const step of [trip, tryNow, endAttempt(0, 'succeed')]) await step.run(model, real);
  },
  toString: () => 'an outage, and its end',
};

const ends = fc
  .tuple(fc.nat(3), fc.constantFrom('succeeded', 'failed', 'failed'))
  .map(([which, how]) => end(which, how as 'succeeded' | 'failed'));

const commands = fc.commands(
  [
    // Twice, since most of what can go wrong is about calls.
    ...[fc.constant(begin), ends, fc.constant(begin), ends],
    fc.constant(outage),
    fc.constant(trip),
    fc.constant(tryNow),
    fc.constantFrom(1, 40, 120, 600, 1_100).map(wait),
    fc.tuple(fc.nat(3), fc.constantFrom('succeed', 'refused')).map(([which, how]) => endAttempt(which, how)),
  ],
  { maxCommands: 60 },
);

/** What everybody writes first: one counter, and no notion of when a call began. */
class NaiveBreaker extends CircuitBreaker {
  override failed(_period: number): void {
    super.failed(this.period);
  }

  override succeeded(_period: number): void {
    super.succeeded(this.period);
  }
}

describe('the circuit breaker', () => {
  it('keeps its invariants over random histories', async () => {
    await fc.assert(
      fc.asyncProperty(commands, fc.infiniteStream(fc.double({ min: 0, max: 0.999, noNaN: true })), (steps, stream) => {
        const random = (): number => stream.next().value;
        const real = rig(random);
        const model: Model = {
          state: 'closed',
          failures: 0,
          calls: [],
          attemptsCount: 0,
          openedAtMs: 0,
          pausesSinceMs: 0,
          told: [],
        };
        return fc.asyncModelRun(() => ({ model, real }), steps);
      }),
      { numRuns: 500 },
    );
  });

  it('control: one that does not ask when a call began breaks them', async () => {
    const naive = fc.assert(
      fc.asyncProperty(commands, (steps) => {
        const real = rig(() => 0.5);
        const breaker = new NaiveBreaker({
          failureThreshold: THRESHOLD,
          firstPauseMs: FIRST_PAUSE_MS,
          maxPauseMs: MAX_PAUSE_MS,
          timers: real.timers,
          random: () => 0.5,
          recover: (attempt) => real.attempts.push({ attempt, atMs: real.timers.now() }),
          onChange: (state) => real.told.push(state),
        });
        const model: Model = {
          state: 'closed',
          failures: 0,
          calls: [],
          attemptsCount: 0,
          openedAtMs: 0,
          pausesSinceMs: 0,
          told: [],
        };
        return fc.asyncModelRun(() => ({ model, real: { ...real, breaker } }), steps);
      }),
      { numRuns: 2_000, endOnFailure: true },
    );
    await expect(naive).rejects.toThrow('Property failed');
  });

  it('doubles its pauses up to the longest, each shortened by up to half', async () => {
    for (const random of [0, 0.999_999]) {
      const { timers, breaker, attempts } = rig(() => random);
      breaker.trip();
      const pauses: number[] = [];
      for (let count = 0; count < 6; count += 1) {
        const openedAtMs = timers.now();
        while (attempts.length === count) await timers.advance(1);
        pauses.push(timers.now() - openedAtMs);
        attempts[count]?.attempt.fail('refused');
      }
      const longest = [100, 200, 400, 800, 1_000, 1_000];
      expect(pauses).toEqual(random === 0 ? longest.map((ms) => ms / 2) : longest);
    }
  });

  it('goes on with its pauses where it was if it opens again soon, and begins anew if it held', async () => {
    const { timers, breaker, attempts } = rig(() => 0.999_999);
    const pauseMs = async (): Promise<number> => {
      const openedAtMs = timers.now();
      const { length } = attempts;
      while (attempts.length === length) await timers.advance(1);
      return timers.now() - openedAtMs;
    };
    breaker.trip();
    expect(await pauseMs()).toBe(100);
    attempts.at(-1)?.attempt.succeed();
    breaker.trip();
    expect(await pauseMs()).toBe(200);
    attempts.at(-1)?.attempt.succeed();
    await timers.advance(10_000);
    breaker.trip();
    expect(await pauseMs()).toBe(100);
  });

  it('leaves a silent connection alone for longer once in sixteen attempts, so that a client may give it up', async () => {
    const { timers, breaker, attempts } = rig(() => 0.999_999);
    breaker.trip();
    const pauses: number[] = [];
    for (let count = 0; count < 34; count += 1) {
      const openedAtMs = timers.now();
      while (attempts.length === count) await timers.advance(50);
      pauses.push(timers.now() - openedAtMs);
      attempts[count]?.attempt.fail('silent');
    }
    expect(pauses.flatMap((ms, index) => (ms > MAX_PAUSE_MS ? [[index, ms]] : []))).toEqual([
      [16, 4_000],
      [32, 4_000],
    ]);
  });

  it('once ended, sets no timer, makes no attempt and tells nothing', async () => {
    const { timers, breaker, attempts, told } = rig(() => 0.5);
    breaker.trip();
    await timers.advance(200);
    breaker.end();
    attempts[0]?.attempt.fail('refused');
    attempts[0]?.attempt.succeed();
    breaker.trip();
    breaker.tryNow();
    await timers.advance(10_000);
    expect([timers.pending, attempts.length, told]).toEqual([0, 1, ['open', 'halfOpen']]);
  });
});

/** An outage, and what an attempt meets in it. */
interface Outage {
  readonly lengthMs: number;
  /** Until an attempt that meets nobody is given up. */
  readonly attemptMs: number;
  readonly how: 'refused' | 'silent';
  readonly randoms: Iterator<number>;
}

/** How long after the end of the outage the breaker is still not closed. What was sent during the outage is lost. */
async function noticedAfterMs(outage: Outage, options: ResolvedBreakerOptions): Promise<number> {
  const timers = new ManualTimers();
  const endsAtMs = timers.now() + outage.lengthMs;
  let closedAtMs: number | undefined;
  const breaker = new CircuitBreaker({
    ...options,
    timers,
    random: () => outage.randoms.next().value,
    recover(attempt) {
      if (timers.now() >= endsAtMs) attempt.succeed();
      else timers.after(outage.attemptMs, () => attempt.fail(outage.how));
    },
    onChange(state) {
      if (state === 'closed') closedAtMs = timers.now();
    },
  });
  breaker.trip();
  for (let step = 0; closedAtMs === undefined && step < 2_000; step += 1) await timers.advance(500);
  return (closedAtMs ?? Number.POSITIVE_INFINITY) - endsAtMs;
}

/** Of a Redis or PostgreSQL whose connections are given up first, then those of a third party's cache. */
const ATTEMPTS_MS = [0, 250, 750, DEFAULT_L2_TIMEOUT_MS];

const outages = (how: Outage['how']): fc.Arbitrary<Outage> =>
  fc.record({
    lengthMs: fc.oneof(fc.nat(10_000), fc.nat(600_000)),
    attemptMs: fc.constantFrom(...ATTEMPTS_MS),
    how: fc.constant(how),
    randoms: fc.infiniteStream(fc.double({ min: 0, max: 0.999_999, noNaN: true })),
  });

describe('the return of what it protects', () => {
  const noticedWithin = (limitMs: number, how: Outage['how'], options: ResolvedBreakerOptions): Promise<void> =>
    fc.assert(
      fc.asyncProperty(outages(how), async (outage) => {
        expect(await noticedAfterMs(outage, options)).toBeLessThanOrEqual(limitMs);
      }),
      { numRuns: 100, endOnFailure: true },
    );

  it('row 21: is noticed within two seconds by default, however long it was away', async () => {
    await noticedWithin(2_000, 'refused', resolveBreakerOptions());
  });

  it('is noticed within four where a silent connection is another’s to give up', async () => {
    await noticedWithin(4_000, 'silent', resolveBreakerOptions());
  });

  it('control: is noticed too late with pauses that grow to ten seconds', async () => {
    const options = resolveBreakerOptions({ maxPauseMs: 10_000 });
    await expect(noticedWithin(2_000, 'refused', options)).rejects.toThrow('Property failed');
  });
});
