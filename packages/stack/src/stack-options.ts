import { type CacheHooks, CacheOptionError, type InvalidationBus, type KeyTransformer } from '@cache/core';
import type { BreakerOptions } from './breaker-options.ts';
import type { LoadOptions } from './get-or-set-options.ts';
import type { NearCache, SharedCache } from './levels.ts';
import type { Timers } from './timers.ts';
import { validateLevels } from './validate-levels.ts';

/**
 * Nothing while `V` is still to be inferred, when the compiler reads it as `never`: `l2: new RedisCache(client)` would otherwise
 * take the type of its values from what remains of `fill`'s parameter then, the symbol `ABSENT`.
 */
type Settled<V> = [V] extends [never] ? never : unknown;

/** What a stack is made of. At least one level is needed. */
export interface StackOptions<V = unknown> {
  /**
   * The first level: a synchronous cache with tags, such as `InMemoryCache`, of this stack's own. Alone, it is the store.
   * @default none: every read goes to the second level
   */
  readonly l1?: NearCache<V>;
  /**
   * The second level, shared between processes. With `getOrLease` and `fill` it fences loads between processes; with less,
   * within this one.
   * @default none: the first level is the store
   */
  readonly l2?: SharedCache<V> & Settled<V>;
  /**
   * Tells the first levels of other processes what was invalidated.
   * @default none: copies in the first level live at most `maxL1StalenessInSeconds`
   */
  readonly bus?: InvalidationBus;
  /**
   * How long another process's invalidation may go unseen. With a bus, the first level answers only while the bus was heard
   * within this time; without one, nothing lives longer in it.
   * @default 2
   */
  readonly maxL1StalenessInSeconds?: number;
  /**
   * The longest life of a copy in the first level with a bus: what a process costs that dies between writing to the second
   * level and telling the bus.
   * @default 30
   */
  readonly maxL1ExpirationInSeconds?: number;
  /**
   * When the second level is left alone because it does not answer. `false`: never. Then its calls take as long as they take,
   * and what it was not told is not queued.
   * @default on
   */
  readonly breaker?: BreakerOptions | false;
  /**
   * How long one call of the second level may take, in milliseconds. `RedisCache` and `DatabaseCache` have shorter deadlines of
   * their own; this one is for a third party's cache. `clear`, `clearPrefix` and `cleanupExpired` may take ten minutes. One
   * message to the bus may take as long.
   * @default 2,000
   */
  readonly l2TimeoutMs?: number;
  /**
   * How many calls may wait for the second level; one more is refused at once.
   * @default 10,000
   */
  readonly maxPendingL2Calls?: number;
  /**
   * What a removal, an expiry, an end of tags or a clear does that the second level did not acknowledge. It is queued in either
   * case, and carried out before this process reads the second level again. `'reject'` says so, with a
   * `CacheUnavailableError` whose `queued` is true. `'queue'` fulfils, with `false` or 0 where an answer is expected: until
   * then other processes may read what was to be removed, and if this process dies first, until it expires.
   * @default 'reject'
   */
  readonly onUnavailable?: 'reject' | 'queue';
  /**
   * How many invalidations are queued by key, tag and prefix. When there are more, one clear takes their place.
   * @default 10,000
   */
  readonly maxQueuedInvalidations?: number;
  /**
   * What becomes of the second level when its server was restarted, or another one took its place. `'trust'` reads what it
   * holds: right where it comes back empty, or with all that was acknowledged. `'clear'` clears what is this cache's there
   * before it is read again, as soon as this process notices: then a server that came back with an older snapshot does not
   * bring back what was removed. It costs one round trip at the first use and after each failed call, reconnection and gap
   * of the bus. Needs a level with `serverIdentity()`, such as `RedisCache` and `DatabaseCache`, and the breaker.
   * @default 'trust'
   */
  readonly onRestart?: 'trust' | 'clear';
  /**
   * The cache's name in events and statistics.
   * @default 'stack'
   */
  readonly name?: string;
  /**
   * Told of hits, misses, loads and failures of the stack as a whole; each level has hooks of its own.
   * @default none
   */
  readonly hooks?: CacheHooks | readonly CacheHooks[];
  /**
   * Turns keys into what both levels store.
   * @default keys are stored as they are
   */
  readonly keyTransformer?: KeyTransformer;
  /**
   * How `getOrSet` loads and stores unless a call says otherwise; its `expirationInSeconds` holds for `set` too.
   * @default see `LoadOptions`
   */
  readonly defaults?: LoadOptions;
  /**
   * Time behind one seam, for tests.
   * @default the process's own
   */
  readonly timers?: Timers;
  /**
   * Uniform in [0, 1), for tests.
   * @default Math.random
   */
  readonly random?: () => number;
}

/**
 * Passes if the options fit together.
 *
 * @throws CacheOptionError
 */
export function validateStackOptions<V>(options: StackOptions<V>): void {
  if (typeof options !== 'object' || options === null) {
    throw new CacheOptionError('createCache takes options with a level: createCache({ l1, l2 }).', {
      backend: 'stack',
    });
  }
  if (options.l1 === undefined && options.l2 === undefined) {
    throw new CacheOptionError('createCache needs a level: l1, l2 or both.', { backend: 'stack' });
  }
  if (options.bus !== undefined && (options.l1 === undefined || options.l2 === undefined)) {
    throw new CacheOptionError('A bus joins first levels over a shared second one: it needs l1 and l2.', {
      backend: 'stack',
    });
  }
  validateLevels(options);
  for (const name of ['keyTransformer', 'random'] as const) {
    if (options[name] !== undefined && typeof options[name] !== 'function') {
      throw new CacheOptionError(`${name} is a function; got ${typeof options[name]}.`, { backend: 'stack' });
    }
  }
  if (options.name !== undefined && typeof options.name !== 'string') {
    throw new CacheOptionError(`name is a string; got ${typeof options.name}.`, { backend: 'stack' });
  }
  if (options.defaults !== undefined && (typeof options.defaults !== 'object' || options.defaults === null)) {
    throw new CacheOptionError('defaults is an object with the options of getOrSet.', { backend: 'stack' });
  }
  if (options.onUnavailable !== undefined && !['reject', 'queue'].includes(options.onUnavailable)) {
    throw new CacheOptionError("onUnavailable is 'reject' or 'queue'.", { backend: 'stack' });
  }
  if (options.onRestart !== undefined && !['trust', 'clear'].includes(options.onRestart)) {
    throw new CacheOptionError("onRestart is 'trust' or 'clear'.", { backend: 'stack' });
  }
  if (options.onRestart === 'clear' && (options.l2 === undefined || options.breaker === false)) {
    throw new CacheOptionError("onRestart: 'clear' needs a second level, and the breaker in front of it.", {
      backend: 'stack',
    });
  }
  for (const name of ['maxPendingL2Calls', 'maxQueuedInvalidations'] as const) {
    const value = options[name];
    if (value !== undefined && !(Number.isSafeInteger(value) && value > 0)) {
      throw new CacheOptionError(`${name} is a whole number over 0.`, { backend: 'stack' });
    }
  }
  for (const name of ['maxL1StalenessInSeconds', 'maxL1ExpirationInSeconds', 'l2TimeoutMs'] as const) {
    const value = options[name];
    if (value !== undefined && !(typeof value === 'number' && value > 0)) {
      throw new CacheOptionError(`${name} is a number over 0.`, { backend: 'stack' });
    }
  }
}
