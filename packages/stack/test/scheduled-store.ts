import {
  type AsyncCache,
  type Invalidation,
  type InvalidationBus,
  type InvalidationListener,
  toAsync,
} from '@cache/core';
import { InMemoryCache } from '@cache/memory';
import type { SharedCache, Timers } from '@cache/stack';
import type { Scheduler } from 'fast-check';

type Call = (...args: unknown[]) => Promise<unknown>;

/** A store whose requests and replies each arrive when the scheduler says so. */
export function scheduledStore(scheduler: Scheduler): SharedCache {
  const cache = toAsync(new InMemoryCache({ maxSize: 1000 })) as unknown as AsyncCache & Record<string, unknown>;
  const delayed: Record<string, unknown> = {};
  for (const [name, member] of Object.entries(cache)) {
    if (typeof member !== 'function' || name === 'keys') continue;
    const call = member as Call;
    delayed[name] = async (...args: unknown[]) => {
      await scheduler.schedule(Promise.resolve(), `${name} on its way`);
      // A rejection is a reply too.
      const reply = await call(...args).then(
        (answer) => () => answer,
        (error: unknown) => () => {
          throw error;
        },
      );
      await scheduler.schedule(Promise.resolve(), `${name} answered`);
      return reply();
    };
  }
  return delayed as unknown as SharedCache;
}

/** Timers that fire in any order, those of up to `longestMs`; later ones never do. */
export function scheduledTimers(scheduler: Scheduler, longestMs: number): Timers {
  return {
    now: () => performance.now(),
    after(delayMs, callback) {
      if (delayMs > longestMs) return () => {};
      let isCancelled = false;
      scheduler.schedule(Promise.resolve(), `timer of ${Math.round(delayMs)} ms`).then(() => {
        if (!isCancelled) callback();
      });
      return () => {
        isCancelled = true;
      };
    },
  };
}

/** Joins buses whose messages each arrive when the scheduler says so, in their order. */
export class ScheduledHub {
  readonly #scheduler: Scheduler;
  readonly #members: ScheduledBus[] = [];

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler;
  }

  /**
   * @param onSend called when a message leaves for this bus; what it gives is called when the message has been delivered
   * @param onGap called after each gap
   */
  connect(onSend: () => () => void, onGap: () => void): ScheduledBus {
    const bus = new ScheduledBus(`bus-${this.#members.length}`, this.#scheduler, this.#members, onSend, onGap);
    this.#members.push(bus);
    return bus;
  }
}

export class ScheduledBus implements InvalidationBus {
  readonly origin: string;
  readonly #scheduler: Scheduler;
  readonly #members: readonly ScheduledBus[];
  readonly #onSend: () => () => void;
  readonly #onGap: () => void;
  #listener: InvalidationListener | undefined;
  #isLive = true;
  #connection = 0;
  #delivering: Promise<void> = Promise.resolve();

  constructor(
    origin: string,
    scheduler: Scheduler,
    members: readonly ScheduledBus[],
    onSend: () => () => void,
    onGap: () => void,
  ) {
    this.origin = origin;
    this.#scheduler = scheduler;
    this.#members = members;
    this.#onSend = onSend;
    this.#onGap = onGap;
  }

  get liveAtMs(): number | undefined {
    return this.#isLive ? performance.now() : undefined;
  }

  async publish(invalidations: readonly Invalidation[]): Promise<void> {
    await this.#scheduler.schedule(Promise.resolve(), 'publish');
    for (const member of this.#members) member.#receive(invalidations, this.origin);
  }

  subscribe(listener: InvalidationListener): () => void {
    this.#listener = listener;
    listener.onGap('connected');
    return () => {
      this.#listener = undefined;
    };
  }

  async close(): Promise<void> {
    this.#isLive = false;
  }

  /** The connection breaks: what is on it is lost, and it comes back with a gap. */
  async breakDown(): Promise<void> {
    this.#isLive = false;
    this.#connection += 1;
    await this.#scheduler.schedule(Promise.resolve(), 'reconnect');
    this.#listener?.onGap('reconnected');
    this.#onGap();
    this.#isLive = true;
  }

  #receive(invalidations: readonly Invalidation[], origin: string): void {
    const connection = this.#connection;
    if (!this.#isLive) return;
    const told = this.#onSend();
    this.#delivering = this.#delivering.then(async () => {
      await this.#scheduler.schedule(Promise.resolve(), 'deliver');
      if (connection !== this.#connection) return;
      for (const invalidation of invalidations) {
        this.#listener?.onInvalidation(invalidation, origin);
      }
      told();
    });
  }
}
