import type { CacheOperation, CleanupOptions, Interruptible, Invalidation } from '@cache/core';
import { CacheUnavailableError, redactedCause } from '@cache/core';
import type { GatedCall } from './bounded-call.ts';
import type { InvalidationQueue, PendingInvalidation } from './invalidation-queue.ts';
import type { LevelGate } from './level-gate.ts';
import type { Capabilities, SharedCache } from './levels.ts';
import { isCacheError, isCallersFault, isMisconfiguration, isOutage, isRefusal } from './store-error.ts';

/** What a guarded cache is made of. */
export interface GuardedCacheParts<V> {
  /** The cache behind. */
  readonly cache: SharedCache<V>;
  readonly gate: LevelGate;
  readonly queue: InvalidationQueue;
  /** What calls may do now: all, only those that invalidate, nothing; `ended`: nothing, and nobody will carry out what is queued. */
  readonly mode: () => 'normal' | 'draining' | 'refusing' | 'ended';
  /** A write that was given up has ended: what is kept of these keys may be what it brought back. */
  readonly forget: (keys: readonly string[]) => void;
  /** Runs what may have to be queued when it has failed: `close` waits for it. */
  readonly track: <T>(write: () => Promise<T>) => Promise<T>;
  /** Something was queued: the cache must not be read before it is carried out. */
  readonly onQueued: () => void;
}

/** A capability that passes through as it is. */
type Plain = Exclude<
  keyof Capabilities | keyof SharedCache,
  | 'set'
  | 'mset'
  | 'removeItem'
  | 'removeItems'
  | 'expireItem'
  | 'invalidateTags'
  | 'expireTags'
  | 'clear'
  | 'clearPrefix'
  | 'keys'
  | 'ping'
  | 'cleanupExpired'
  | 'renewConnections'
  | 'publishesTo'
  | 'serverIdentity'
  | 'connectionEpoch'
>;

/** Each with whether it may change something. */
const PLAIN_CALLS: { readonly [Name in Plain]: 'read' | 'write' } = {
  get: 'read',
  exists: 'read',
  mget: 'read',
  getTtl: 'read',
  inspect: 'read',
  getEntries: 'read',
  getOrLease: 'write',
  fill: 'write',
  renew: 'write',
  release: 'write',
  increment: 'write',
  decrement: 'write',
  setWithNx: 'write',
  setTtlIfEquals: 'write',
  removeIfEquals: 'write',
};

/**
 * A cache like the one behind, with the same capabilities, that is safe to lose.
 *
 * Invariant: from the moment an invalidation rejects as queued until the cache behind has acknowledged it, nothing is read.
 * So what this process tried to remove it never serves, whatever became of the request.
 *
 * The order that this closes: a removal is not carried out (no connection, no answer, no right to remove); whatever was in
 * its way passes; a read finds what was to be removed. A server that refuses this process for its credentials or rights has
 * failed like one that is away, and is left alone until it takes the removal.
 *
 * - What invalidates and is not acknowledged is queued, and rejects with `CacheUnavailableError { ambiguous, queued }`.
 * - A `set` that is not acknowledged may or may not have happened: the removal of its key is queued. Where it is known not to
 *   have happened, the key is removed at once, since what stands there is older than what was to replace it.
 * - `fill` is fenced by its lease, and counters and locks are what they are in the cache behind: nothing is queued for them.
 */
export function guardedCache<V>(parts: GuardedCacheParts<V>): SharedCache<V> {
  const { cache, gate } = parts;
  const calls = new GuardedCalls(parts);
  const guarded: Record<string, unknown> = {};
  const offer = (name: string, call: unknown): void => {
    if (typeof (cache as unknown as Record<string, unknown>)[name] === 'function') guarded[name] = call;
  };
  for (const [name, kind] of Object.entries(PLAIN_CALLS)) {
    const operation = name as Plain;
    const isWrite = kind === 'write';
    const method = (cache as unknown as Record<string, PlainCall['method']>)[name];
    if (method !== undefined)
      offer(name, (...args: unknown[]) => gate.call(new PlainCall(operation, isWrite, cache, method, args)));
  }
  offer('set', calls.set);
  offer('mset', calls.mset);
  offer('removeItem', (key: string) => calls.invalidate('removeItem', removalOf([key]), () => cache.removeItem(key)));
  offer('removeItems', (keys: readonly string[]) =>
    calls.invalidate('removeItems', removalOf(keys), () => cache.removeItems?.(keys)),
  );
  offer('expireItem', (key: string) =>
    calls.invalidate('expireItem', [{ invalidation: { kind: 'key', key }, how: 'expire' }], () =>
      cache.expireItem?.(key),
    ),
  );
  offer('invalidateTags', (tags: readonly string[]) =>
    calls.invalidate('invalidateTags', endOf(tags, 'remove'), () => cache.invalidateTags?.(tags)),
  );
  offer('expireTags', (tags: readonly string[]) =>
    calls.invalidate('expireTags', endOf(tags, 'expire'), () => cache.expireTags?.(tags)),
  );
  offer('clear', (options?: Interruptible) =>
    calls.invalidate('clear', [removal({ kind: 'clear' })], () => cache.clear(options), options),
  );
  offer('clearPrefix', (prefix: string, options?: Interruptible) =>
    calls.invalidate(
      'clearPrefix',
      [removal({ kind: 'clearPrefix', prefix })],
      () => cache.clearPrefix?.(prefix, options),
      options,
    ),
  );
  offer('cleanupExpired', (options?: CleanupOptions) =>
    gate.call({
      operation: 'cleanupExpired',
      isWrite: true,
      limit: 'long',
      run: () => cache.cleanupExpired?.(options),
    }),
  );
  offer('keys', (prefix?: string, options?: Interruptible) => calls.keys(prefix, options));
  // Whoever asks it wants to know, and waits.
  offer('ping', () => gate.tryCall({ operation: 'ping', isWrite: false, run: () => cache.ping?.() }));
  return guarded as unknown as SharedCache<V>;
}

/** A call that passes through as it is. */
class PlainCall implements GatedCall<unknown> {
  readonly operation: CacheOperation;
  readonly isWrite: boolean;
  readonly cache: unknown;
  readonly method: (...args: unknown[]) => unknown;
  readonly args: unknown[];

  constructor(
    operation: CacheOperation,
    isWrite: boolean,
    cache: unknown,
    method: PlainCall['method'],
    args: unknown[],
  ) {
    this.operation = operation;
    this.isWrite = isWrite;
    this.cache = cache;
    this.method = method;
    this.args = args;
  }

  run(): unknown {
    return this.method.apply(this.cache, this.args);
  }
}

/** The calls that need more than a deadline. */
class GuardedCalls<V> {
  readonly #parts: GuardedCacheParts<V>;

  constructor(parts: GuardedCacheParts<V>) {
    this.#parts = parts;
  }

  async invalidate<T>(
    operation: CacheOperation,
    pending: readonly PendingInvalidation[],
    run: GatedCall<T>['run'],
    interruptible?: Interruptible,
  ): Promise<T> {
    const { gate, mode, track } = this.#parts;
    const limit = operation === 'clear' || operation === 'clearPrefix' ? 'long' : 'deadline';
    const call: GatedCall<T> = { operation, isWrite: true, limit, run };
    const now = mode();
    if (now === 'refusing' || now === 'ended' || (now === 'draining' && gate.isFull)) {
      gate.countRefusal();
      throw this.#queued(operation, pending, undefined);
    }
    return track(async () => {
      try {
        return await (now === 'draining' ? gate.tryCall(call) : gate.call(call));
      } catch (error) {
        const isGivenUp = interruptible?.signal?.aborted === true;
        // Whoever answers with a mistake would do so for ever, and the cache would never be read again.
        if (isGivenUp || isCallersFault(error, operation) || !(isOutage(error, operation) || isCacheError(error)))
          throw error;
        throw this.#queued(operation, pending, error);
      }
    });
  }

  readonly set = (key: string, ...rest: readonly unknown[]): Promise<void> => {
    const { cache } = this.#parts;
    const method = cache.set as (key: string, ...rest: readonly unknown[]) => Promise<void>;
    return this.#write('set', [key], () => method.call(cache, key, ...rest));
  };

  readonly mset = (
    entries: Iterable<readonly [string, NonNullable<V>]>,
    ...rest: readonly unknown[]
  ): Promise<void> => {
    const { cache } = this.#parts;
    const list = [...entries];
    const method = cache.mset as (entries: typeof list, ...rest: readonly unknown[]) => Promise<void>;
    const keys = list.map(([key]) => key);
    return this.#write('mset', keys, () => method.call(cache, list, ...rest));
  };

  #write(operation: 'set' | 'mset', keys: readonly string[], run: () => Promise<void>): Promise<void> {
    const { gate, forget, track } = this.#parts;
    const onLateEnd = (): void => {
      this.#queue(removalOf(keys));
      forget(keys);
    };
    return track(async () => {
      try {
        await gate.call({ operation, isWrite: true, run, onLateEnd });
      } catch (error) {
        if (!isOutage(error, operation)) throw error;
        const [key, ...others] = keys;
        const isOne = key !== undefined && others.length === 0;
        if (!(isOne && isRefusal(error) && (await this.#removeNow(key)))) this.#queue(removalOf(keys));
        throw error;
      }
    });
  }

  async *keys(prefix?: string, options?: Interruptible): AsyncGenerator<string> {
    const { cache, gate, mode } = this.#parts;
    if (mode() !== 'normal') throw gate.refusal('keys');
    yield* cache.keys?.(prefix, options) ?? [];
  }

  /** True if the key is known to be gone. */
  async #removeNow(key: string): Promise<boolean> {
    const { cache, gate, mode } = this.#parts;
    if (mode() !== 'normal') return false;
    return gate.call({ operation: 'removeItem', isWrite: true, run: () => cache.removeItem(key) }).then(
      () => true,
      () => false,
    );
  }

  #queue(pending: readonly PendingInvalidation[]): void {
    if (this.#parts.mode() === 'ended') return;
    for (const one of pending) this.#parts.queue.add(one);
    this.#parts.onQueued();
  }

  #queued(operation: CacheOperation, pending: readonly PendingInvalidation[], error: unknown): CacheUnavailableError {
    this.#queue(pending);
    const queued = this.#parts.mode() !== 'ended';
    const why = isMisconfiguration(error, operation) ? 'is not set up for this call (see cause)' : 'cannot be told now';
    const message = queued
      ? `The shared level ${why}. It will be told before it is read again.`
      : 'The shared level was not told before the cache was closed.';
    return new CacheUnavailableError(message, {
      operation,
      backend: 'stack',
      ambiguous: true,
      queued,
      cause: error === undefined || isCacheError(error) ? error : redactedCause(error),
    });
  }
}

function removal(invalidation: Invalidation): PendingInvalidation {
  return { invalidation, how: 'remove' };
}

function removalOf(keys: readonly string[]): PendingInvalidation[] {
  return keys.map((key) => removal({ kind: 'key', key }));
}

function endOf(tags: readonly string[], how: PendingInvalidation['how']): PendingInvalidation[] {
  return tags.map((tag) => ({ invalidation: { kind: 'tag', tag }, how }));
}
