import { type Awaitable, type CacheOperation, CacheOptionError, type Invalidation } from '@cache/core';
import type { RecoveryAttempt } from './circuit-breaker.ts';
import { type InvalidationBatch, type InvalidationQueue, oneByOne } from './invalidation-queue.ts';
import type { LevelGate } from './level-gate.ts';
import type { SharedCache } from './levels.ts';
import type { RestartWatch } from './restart-watch.ts';
import { isNoKey, isSilence } from './store-error.ts';

/** What a {@link LevelRecovery} is made of. */
export interface LevelRecoveryParts<V> {
  /** The cache behind, not guarded. */
  readonly cache: SharedCache<V>;
  readonly gate: LevelGate;
  readonly queue: InvalidationQueue;
  /** Asked before the cache is read again; what it is told of a restart is in the queue then. */
  readonly restarts: RestartWatch | undefined;
  /** Tells other processes what was carried out, without waiting for it. */
  readonly announce: (invalidations: readonly Invalidation[]) => void;
  /** Forgets whatever was kept near. */
  readonly flush: () => void;
  readonly onFailure: (error: unknown) => void;
}

/** So many calls at once of what can only be carried out one by one: each has the deadline of them all. */
const CALLS_AT_ONCE = 20;

/** Nobody stores anything here; a cache asks its server for it all the same. */
const PROBED_KEY = 'circuit-breaker-probe';

/**
 * Finds out whether a shared level answers again, and brings it up to date before anyone reads it:
 *
 * 1. the connections on which nothing was heard, or a write got no answer, are given up, where the cache can do that: what lies in them must not be
 *    carried out after step 4;
 * 2. one read, of data: a server that is loading its data accepts connections and refuses reads;
 * 3. where a restart is to be noticed, the server says who it is; if it is another one, a clear of all that is this cache's is
 *    queued. It is asked until nothing had to be carried out after its answer;
 * 4. every queued invalidation, acknowledged, and told to other processes;
 * 5. what is kept near is forgotten, and the breaker closes, in the turn in which the queue is seen to be empty.
 *
 * From step 2 on, new invalidations go through at once instead of into the queue, so a busy program cannot keep it from
 * becoming empty. A failure at any step leaves what is not acknowledged in the queue.
 */
export class LevelRecovery<V> {
  readonly #parts: LevelRecoveryParts<V>;
  #isDraining = false;

  constructor(parts: LevelRecoveryParts<V>) {
    this.#parts = parts;
  }

  /** True from when the level has answered until the breaker closes. */
  get isDraining(): boolean {
    return this.#isDraining;
  }

  /** Makes one attempt, and says how it ended. */
  async run(attempt: RecoveryAttempt): Promise<void> {
    const { gate, cache, queue, restarts, flush, onFailure } = this.#parts;
    let hasRenewed = false;
    try {
      hasRenewed = gate.isSilent && (await this.#renewConnections());
      await gate.tryCall({ operation: 'exists', isWrite: false, run: () => cache.exists(PROBED_KEY) });
      this.#isDraining = true;
      for (let isUpToDate = false; !isUpToDate; ) {
        await restarts?.identify();
        // What is carried out after that answer is gone too if the server is restarted once more.
        isUpToDate = queue.length === 0 || restarts === undefined;
        // A call that goes through now may fail after the queue was empty, and add to it.
        while (queue.length > 0) await this.#drain();
      }
      flush();
      attempt.succeed();
    } catch (error) {
      onFailure(error);
      attempt.fail(isSilence(error) && !hasRenewed ? 'silent' : 'refused');
    } finally {
      this.#isDraining = false;
    }
  }

  /** True if the cache could. */
  async #renewConnections(): Promise<boolean> {
    const { gate, cache } = this.#parts;
    if (cache.renewConnections === undefined) return false;
    const run = (): Awaitable<boolean> => cache.renewConnections?.() ?? false;
    const hasRenewed = await gate.tryCall({ operation: 'ping', isWrite: false, run });
    if (hasRenewed) gate.connectionsRenewed();
    return hasRenewed;
  }

  async #drain(): Promise<void> {
    const { queue } = this.#parts;
    for (let batch = queue.next(); batch !== undefined; batch = queue.next()) await this.#settle(batch);
  }

  async #settle(batch: InvalidationBatch): Promise<void> {
    const { queue, announce, onFailure } = this.#parts;
    try {
      await this.#carryOut(batch);
      announce(batch.entries.map(({ invalidation }) => invalidation));
    } catch (error) {
      if (!isNoKey(error)) throw error;
      if (batch.entries.length > 1) {
        for (const single of oneByOne(batch)) await this.#settle(single);
        return;
      }
      // Nothing can be stored under what is no key, and it would be refused for ever.
      onFailure(error);
    }
    queue.settle(batch);
  }

  async #carryOut({ kind, how, names }: InvalidationBatch): Promise<void> {
    const { cache, gate } = this.#parts;
    const isExpiry = how === 'expire';
    const [name = ''] = names;
    switch (kind) {
      case 'key': {
        const { removeItems, expireItem } = cache;
        if (isExpiry && expireItem !== undefined) {
          await this.#tellEach('expireItem', names, (key) => expireItem.call(cache, key));
        } else if (removeItems !== undefined) {
          await this.#tell('removeItems', () => removeItems.call(cache, names));
        } else await this.#tellEach('removeItem', names, (key) => cache.removeItem(key));
        return;
      }
      case 'tag': {
        const operation = isExpiry ? 'expireTags' : 'invalidateTags';
        await this.#tell(operation, () => this.#can(operation).call(cache, names));
        return;
      }
      case 'clearPrefix':
        await gate.tryCall({
          operation: 'clearPrefix',
          isWrite: true,
          limit: 'long',
          run: () => this.#can('clearPrefix').call(cache, name),
        });
        return;
      case 'clear':
        await gate.tryCall({ operation: 'clear', isWrite: true, limit: 'long', run: () => cache.clear() });
    }
  }

  async #tellEach(operation: 'expireItem' | 'removeItem', keys: readonly string[], run: (key: string) => unknown) {
    for (let at = 0; at < keys.length; at += CALLS_AT_ONCE) {
      const some = keys.slice(at, at + CALLS_AT_ONCE);
      await this.#tell(operation, async () => Promise.all(some.map(run)));
    }
  }

  #tell(operation: CacheOperation, run: () => unknown): Promise<unknown> {
    return this.#parts.gate.tryCall({ operation, isWrite: true, run });
  }

  #can<Name extends 'expireTags' | 'invalidateTags' | 'clearPrefix'>(name: Name): NonNullable<SharedCache<V>[Name]> {
    const method = this.#parts.cache[name];
    if (method !== undefined) return method as NonNullable<SharedCache<V>[Name]>;
    throw new CacheOptionError(`The shared cache has no ${name}().`, { operation: name, backend: 'stack' });
  }
}
