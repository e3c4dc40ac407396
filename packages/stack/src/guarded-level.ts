import { CacheOptionError, type IdentifiableCache, type Invalidation } from '@cache/core';
import { type ResolvedBreakerOptions, resolveBreakerOptions } from './breaker-options.ts';
import { type BreakerState, CircuitBreaker } from './circuit-breaker.ts';
import { guardedCache } from './guarded-cache.ts';
import { InvalidationQueue } from './invalidation-queue.ts';
import { LevelGate } from './level-gate.ts';
import { LevelRecovery } from './level-recovery.ts';
import type { SharedCache } from './levels.ts';
import { RestartWatch } from './restart-watch.ts';
import type { StackOptions } from './stack-options.ts';
import { backgroundTimers, systemTimers, type Timers } from './timers.ts';

/** How long one call of the second level may take unless the options say otherwise. */
export const DEFAULT_L2_TIMEOUT_MS = 2_000;

/** What can be seen of the circuit breaker in front of the second level. */
export interface CacheBreaker {
  readonly state: BreakerState;
  /** How many invalidations wait to be carried out before the second level is read again. */
  readonly queuedInvalidations: number;
  /** How often more had to be queued than may be, and a clear took their place. */
  readonly queueOverflows: number;
  /** How many calls were refused without asking the second level. */
  readonly refusedCalls: number;
}

/** What a {@link GuardedLevel} is made of. */
export interface GuardedLevelParts<V> {
  /** The cache behind. */
  readonly cache: SharedCache<V>;
  readonly options: ResolvedBreakerOptions;
  readonly timeoutMs: number;
  readonly maxPending: number;
  readonly maxQueuedInvalidations: number;
  /** The cache, where it is to be cleared after a restart. */
  readonly identifiable: IdentifiableCache | undefined;
  /** For deadlines. */
  readonly timers: Timers;
  /** For pauses, which keep no process alive. */
  readonly pauses: Timers;
  readonly random: () => number;
  /** Tells other processes what was carried out, without waiting for it. */
  readonly announce: (invalidations: readonly Invalidation[]) => void;
  /** Forgets what is kept near of these keys. */
  readonly forget: (keys: readonly string[]) => void;
  /** Forgets whatever was kept near. */
  readonly flush: () => void;
  readonly onChange: (state: BreakerState, previous: BreakerState, queuedInvalidations: number) => void;
  readonly onRecoveryFailure: (error: unknown) => void;
}

/** A shared level behind a circuit breaker, with a queue for what it could not be told. */
export class GuardedLevel<V> implements CacheBreaker {
  /** The level as the stack uses it. */
  readonly cache: SharedCache<V>;
  readonly #breaker: CircuitBreaker;
  readonly #gate: LevelGate;
  readonly #queue: InvalidationQueue;
  readonly #restarts: RestartWatch | undefined;
  readonly #timers: Timers;
  #writesUnderWay = 0;
  #hasEnded = false;
  /** Told when the breaker has closed, and when no write is under way any more. */
  #onProgress: () => void = noop;

  constructor(parts: GuardedLevelParts<V>) {
    const { cache, timers, announce, flush } = parts;
    const queue = new InvalidationQueue(parts.maxQueuedInvalidations);
    const breaker = new CircuitBreaker({
      ...parts.options,
      timers: parts.pauses,
      random: parts.random,
      recover: (attempt) => void recovery.run(attempt),
      onChange: (state, previous) => {
        parts.onChange(state, previous, queue.length);
        if (state === 'closed') this.#onProgress();
      },
    });
    const { identifiable } = parts;
    const restarts =
      identifiable &&
      new RestartWatch({
        cache: identifiable,
        ask: (run) => gate.tryCall({ operation: 'ping', isWrite: false, run }),
        onChange: () => {
          queue.add({ invalidation: { kind: 'clear' }, how: 'remove' });
          flush();
          breaker.trip();
        },
      });
    const { timeoutMs, maxPending } = parts;
    const gate = new LevelGate({ breaker, timers, timeoutMs, maxPending, restarts });
    const recovery = new LevelRecovery({
      cache,
      gate,
      queue,
      restarts,
      announce,
      flush,
      onFailure: parts.onRecoveryFailure,
    });
    this.cache = guardedCache({
      cache,
      gate,
      queue,
      mode: () => {
        if (this.#hasEnded) return 'ended';
        return breaker.isClosed ? 'normal' : recovery.isDraining ? 'draining' : 'refusing';
      },
      onQueued: () => breaker.trip(),
      forget: parts.forget,
      track: (write) => this.#track(write),
    });
    this.#breaker = breaker;
    this.#gate = gate;
    this.#queue = queue;
    this.#restarts = restarts;
    this.#timers = timers;
  }

  get state(): BreakerState {
    return this.#breaker.state;
  }

  get queuedInvalidations(): number {
    return this.#queue.length;
  }

  get queueOverflows(): number {
    return this.#queue.overflows;
  }

  get refusedCalls(): number {
    return this.#gate.refusedCalls;
  }

  /** Something happened that comes with a restart: the server says who it is before it is used again. */
  doubtServer(): void {
    this.#restarts?.doubt();
  }

  /**
   * Waits for so long for the writes under way, tries to carry out what is queued, and then no more.
   *
   * @returns how many invalidations are left, which nobody will carry out
   */
  async close(drainWithinMs: number): Promise<number> {
    if (!this.#isAtRest && drainWithinMs > 0) {
      await new Promise<void>((done) => {
        const cancel = this.#timers.after(drainWithinMs, done);
        this.#onProgress = () => {
          if (!this.#isAtRest) return this.#breaker.tryNow();
          cancel();
          done();
        };
        this.#breaker.tryNow();
      });
    }
    this.#onProgress = noop;
    this.#hasEnded = true;
    this.#breaker.end();
    return this.#queue.length;
  }

  get #isAtRest(): boolean {
    return this.#writesUnderWay === 0 && this.#queue.length === 0;
  }

  async #track<T>(write: () => Promise<T>): Promise<T> {
    this.#writesUnderWay += 1;
    try {
      return await write();
    } finally {
      this.#writesUnderWay -= 1;
      if (this.#writesUnderWay === 0) this.#onProgress();
    }
  }
}

/** What a stack lets its second level's guard do. */
export type GuardEffects<V> = Pick<
  GuardedLevelParts<V>,
  'announce' | 'forget' | 'flush' | 'onChange' | 'onRecoveryFailure'
>;

/** The second level, if it is to be cleared after a restart. @throws CacheOptionError if it cannot tell one */
function identifiable<V>({ l2, onRestart = 'trust' }: StackOptions<V>): IdentifiableCache | undefined {
  if (onRestart === 'trust') return undefined;
  if (typeof l2?.serverIdentity === 'function') return l2 as IdentifiableCache;
  throw new CacheOptionError("onRestart: 'clear' needs a second level that has serverIdentity().", {
    backend: 'stack',
  });
}

/**
 * The guard that the options ask for; `undefined` where there is no second level, or no breaker in front of it.
 *
 * @throws CacheOptionError
 */
export function guardedLevel<V>(options: StackOptions<V>, effects: GuardEffects<V>): GuardedLevel<V> | undefined {
  const { l2, breaker, timers, random = Math.random } = options;
  if (breaker === false || l2 === undefined) return undefined;
  return new GuardedLevel({
    ...effects,
    cache: l2,
    options: resolveBreakerOptions(breaker),
    timeoutMs: options.l2TimeoutMs ?? DEFAULT_L2_TIMEOUT_MS,
    maxPending: options.maxPendingL2Calls ?? 10_000,
    identifiable: identifiable(options),
    maxQueuedInvalidations: options.maxQueuedInvalidations ?? 10_000,
    timers: timers ?? systemTimers,
    pauses: timers ?? backgroundTimers,
    random,
  });
}

function noop(): void {}
