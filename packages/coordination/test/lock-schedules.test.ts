import { acquireLock, type LockStore, type Timers } from '@cache/coordination';
import { InMemoryCache } from '@cache/memory';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { ManualTime } from './manual-time.ts';

const LEASE_MS = 1_000;

/** How long a request and its reply are under way, one pair for each call in turn. */
type Delays = readonly (readonly [requestMs: number, replyMs: number])[];

/** What one process does: it begins, is frozen for some time, and holds its lock for some time if it gets it. */
interface Life {
  readonly startMs: number;
  readonly freezeAtMs: number;
  readonly frozenMs: number;
  readonly workMs: number;
  readonly delays: Delays;
}

/** A process in the world's time. While it is frozen, neither timers nor replies reach it; its clock goes on. */
class Process implements Timers {
  readonly #world: ManualTime;
  readonly #life: Life;
  #calls = 0;

  constructor(world: ManualTime, life: Life) {
    this.#world = world;
    this.#life = life;
  }

  now(): number {
    return this.#world.now();
  }

  after(delayMs: number, callback: () => void): () => void {
    let cancel = this.#world.after(delayMs, () => {
      const frozenMs = this.#frozenUntilMs() - this.now();
      if (frozenMs > 0) cancel = this.#world.after(frozenMs, callback);
      else callback();
    });
    return () => cancel();
  }

  afterUnlessIdle(delayMs: number, callback: () => void): () => void {
    return this.after(delayMs, callback);
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => void this.after(ms, resolve));
  }

  /** The store, as this process reaches it over a network that takes its time. */
  reach(store: InMemoryCache): LockStore {
    const call = async <T>(carryOut: () => T): Promise<T> => {
      const { delays } = this.#life;
      const [requestMs, replyMs] = delays[this.#calls % delays.length] ?? [0, 0];
      this.#calls += 1;
      await new Promise<void>((arrived) => void this.#world.after(requestMs, arrived));
      const answer = carryOut();
      await this.sleep(replyMs);
      return answer;
    };
    return {
      setWithNx: (...args) => call(() => store.setWithNx(...args)),
      setTtlIfEquals: (...args) => call(() => store.setTtlIfEquals(...args)),
      removeIfEquals: (...args) => call(() => store.removeIfEquals(...args)),
      increment: (...args) => call(() => store.increment(...args)),
    };
  }

  #frozenUntilMs(): number {
    const { startMs, freezeAtMs, frozenMs } = this.#life;
    const fromMs = START_MS + startMs + freezeAtMs;
    return this.now() >= fromMs && this.now() < fromMs + frozenMs ? fromMs + frozenMs : 0;
  }
}

const START_MS = new ManualTime().now();

/** How a process takes a lock, and whether it holds it at this moment as far as it can know. */
type Take = (store: LockStore, process: Process) => Promise<Held>;
interface Held {
  readonly fencingNumber: number;
  readonly isHeld: boolean;
  release(): Promise<unknown>;
}

/** Everybody who was handed the lock, in that order, and how many at most thought that they held it at one moment. */
async function live(lives: readonly Life[], take: Take): Promise<{ numbers: number[]; most: number }> {
  const world = new ManualTime();
  const store = new InMemoryCache({ clock: world });
  const holders = new Set<Held>();
  const numbers: number[] = [];
  const run = async (life: Life): Promise<void> => {
    const process = new Process(world, life);
    await process.sleep(life.startMs);
    const lock = await take(process.reach(store), process);
    numbers.push(lock.fencingNumber);
    holders.add(lock);
    await process.sleep(life.workMs);
    holders.delete(lock);
    await lock.release();
  };
  const ended = Promise.all(lives.map((life) => run(life).catch(() => {})));
  let most = 0;
  for (let ms = 0; ms < 12_000; ms += 20) {
    await world.advance(20);
    most = Math.max(most, [...holders].filter(({ isHeld }) => isHeld).length);
  }
  await world.advance(60_000);
  await ended;
  return { numbers, most };
}

const delay = fc.oneof({ weight: 3, arbitrary: fc.integer({ min: 0, max: 30 }) }, fc.integer({ min: 0, max: 600 }));
const life = fc.record<Life>({
  startMs: fc.integer({ min: 0, max: 2_000 }),
  freezeAtMs: fc.integer({ min: 0, max: 1_500 }),
  frozenMs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 4_000 })),
  workMs: fc.integer({ min: 0, max: 2_500 }),
  delays: fc.array(fc.tuple(delay, delay), { minLength: 1, maxLength: 6 }),
});
const lives = fc.array(life, { minLength: 2, maxLength: 4 });

const isAscending = (numbers: readonly number[]): boolean =>
  numbers.every((number, index) => index === 0 || number > (numbers[index - 1] as number));

const safely: Take = (store, process) =>
  acquireLock(store, 'k', {
    leaseInSeconds: LEASE_MS / 1_000,
    waitTimeoutMs: 8_000,
    timers: process,
    random: () => 0.5,
  });

/** The same protocol with one thing wrong: it draws its number before it has the lock. */
const drawingFirst: Take = async (store, process) => {
  for (;;) {
    const fencingNumber = await store.increment('lock:fence:k', 1, { expirationInSeconds: null });
    const fromMs = process.now();
    if (await store.setWithNx('lock:owner:k', `${fencingNumber}`, LEASE_MS / 1_000)) {
      const endsAtMs = fromMs + LEASE_MS;
      return {
        fencingNumber,
        get isHeld() {
          return process.now() < endsAtMs;
        },
        release: async () => store.removeIfEquals('lock:owner:k', `${fencingNumber}`),
      };
    }
    await process.sleep(50);
  }
};

/** Another: it counts its lease from the answer on, and believes its timer. */
const believingTimers: Take = async (store, process) => {
  for (;;) {
    if (await store.setWithNx('lock:owner:k', 'me', LEASE_MS / 1_000)) {
      let isHeld = true;
      process.after(LEASE_MS, () => {
        isHeld = false;
      });
      return {
        fencingNumber: await store.increment('lock:fence:k', 1, { expirationInSeconds: null }),
        get isHeld() {
          return isHeld;
        },
        release: async () => store.removeIfEquals('lock:owner:k', 'me'),
      };
    }
    await process.sleep(50);
  }
};

test('no two processes hold it at once, and later holders have larger numbers, however late messages and processes are', async () => {
  await fc.assert(
    fc.asyncProperty(lives, async (several) => {
      const { numbers, most } = await live(several, safely);
      expect(most).toBeLessThanOrEqual(1);
      expect(isAscending(numbers)).toBe(true);
    }),
    { numRuns: 100 },
  );
});

test('controls: a number drawn before the lock, and a loss that only a timer tells, are found out', async () => {
  const early = await fc.check(
    fc.asyncProperty(lives, async (several) => isAscending((await live(several, drawingFirst)).numbers)),
    { numRuns: 300, endOnFailure: true },
  );
  expect(early.failed).toBe(true);
  const trusting = await fc.check(
    fc.asyncProperty(lives, async (several) => (await live(several, believingTimers)).most <= 1),
    { numRuns: 300, endOnFailure: true },
  );
  expect(trusting.failed).toBe(true);
});
