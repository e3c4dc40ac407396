import { type CacheError, CacheOptionError } from './cache-error.ts';
import type {
  CacheBreakerState,
  CacheEventSource,
  CacheHookName,
  CacheHooks,
  CacheLevel,
  CacheOperation,
  CacheOutcome,
  EvictionReason,
} from './cache-hooks.ts';

/** Listeners by event, each list empty where nobody listens. */
type Listeners = { readonly [Name in CacheHookName]-?: readonly NonNullable<CacheHooks[Name]>[] };

/**
 * Calls everybody's hooks for one cache, and keeps what they throw away from it. Events are written out field by field:
 * spreading an object and adding a field that it has not takes Node 20 half a microsecond and more.
 */
export class HookDispatcher {
  /** True if somebody may read the async context of a call, so that each is to be told of in its caller's. */
  readonly usesAsyncContext: boolean;
  /** True if reads may be told of by {@link reads}, as numbers: nobody needs to hear of each. */
  readonly takesReadsTogether: boolean;
  readonly #source: CacheEventSource;
  readonly #listeners: Listeners;
  #hasWarned = false;

  constructor(hooks: readonly CacheHooks[], source: CacheEventSource) {
    this.usesAsyncContext = hooks.map(readsAsyncContext).includes(true);
    this.takesReadsTogether = !this.usesAsyncContext && hooks.every(takesReadsTogether);
    this.#source = source;
    this.#listeners = {
      onHit: bound(hooks, 'onHit'),
      onMiss: bound(hooks, 'onMiss'),
      onSet: bound(hooks, 'onSet'),
      onRemove: bound(hooks, 'onRemove'),
      onEvict: bound(hooks, 'onEvict'),
      onExpire: bound(hooks, 'onExpire'),
      onLoad: bound(hooks, 'onLoad'),
      onError: bound(hooks, 'onError'),
      onBreaker: bound(hooks, 'onBreaker'),
      onOperation: bound(hooks, 'onOperation'),
      onReads: bound(hooks, 'onReads'),
    };
  }

  /** True if somebody listens to this event. */
  hears(name: CacheHookName): boolean {
    return this.#listeners[name].length > 0;
  }

  hit(operation: CacheOperation, key: string, durationMs: number, payloadBytes?: number, level?: CacheLevel): void {
    this.#key(this.#listeners.onHit, operation, key, durationMs, payloadBytes, level);
  }

  miss(operation: CacheOperation, key: string, durationMs: number): void {
    this.#key(this.#listeners.onMiss, operation, key, durationMs, undefined);
  }

  set(operation: CacheOperation, key: string, durationMs: number, payloadBytes?: number): void {
    this.#key(this.#listeners.onSet, operation, key, durationMs, payloadBytes);
  }

  remove(operation: CacheOperation, key: string, durationMs: number): void {
    this.#key(this.#listeners.onRemove, operation, key, durationMs, undefined);
  }

  evict(key: string, reason: EvictionReason): void {
    const { cache, backend } = this.#source;
    if (this.hears('onEvict')) this.#call(this.#listeners.onEvict, { cache, backend, key, reason });
  }

  expire(key: string): void {
    const { cache, backend } = this.#source;
    if (this.hears('onExpire')) this.#call(this.#listeners.onExpire, { cache, backend, key });
  }

  load(key: string, outcome: 'done' | 'error', durationMs: number): void {
    const { cache, backend } = this.#source;
    if (this.hears('onLoad')) this.#call(this.#listeners.onLoad, { cache, backend, key, outcome, durationMs });
  }

  error(operation: CacheOperation, error: CacheError, durationMs: number): void {
    const { cache, backend } = this.#source;
    if (this.hears('onError')) this.#call(this.#listeners.onError, { cache, backend, operation, error, durationMs });
  }

  breaker(state: CacheBreakerState, previousState: CacheBreakerState, queuedInvalidations: number): void {
    const { cache, backend } = this.#source;
    if (!this.hears('onBreaker')) return;
    this.#call(this.#listeners.onBreaker, { cache, backend, state, previousState, queuedInvalidations });
  }

  operation(operation: CacheOperation, outcome: CacheOutcome, durationMs: number, level?: CacheLevel): void {
    const listeners = this.#listeners.onOperation;
    if (listeners.length === 0) return;
    const { cache, backend } = this.#source;
    if (level === undefined) this.#call(listeners, { cache, backend, operation, outcome, durationMs });
    else this.#call(listeners, { cache, backend, operation, outcome, durationMs, level });
  }

  /**
   * Instead of `hit`, `miss` and `operation` for each of the calls, where `takesReadsTogether`.
   *
   * @param payloadBytes may be called by each listener, before this returns
   */
  reads(operation: CacheOperation, hits: number, misses: number, durationMs: number, payloadBytes: () => number): void {
    const { cache, backend } = this.#source;
    this.#call(this.#listeners.onReads, { cache, backend, operation, hits, misses, durationMs, payloadBytes });
  }

  #key(
    listeners: Listeners['onHit'],
    operation: CacheOperation,
    key: string,
    durationMs: number,
    payloadBytes: number | undefined,
    level?: CacheLevel,
  ): void {
    if (listeners.length === 0) return;
    const { cache, backend } = this.#source;
    if (level !== undefined)
      this.#call(
        listeners,
        payloadBytes === undefined
          ? { cache, backend, operation, key, durationMs, level }
          : { cache, backend, operation, key, durationMs, payloadBytes, level },
      );
    else if (payloadBytes === undefined) this.#call(listeners, { cache, backend, operation, key, durationMs });
    else this.#call(listeners, { cache, backend, operation, key, durationMs, payloadBytes });
  }

  #call<E>(listeners: readonly ((event: E) => void)[], event: E): void {
    for (const listener of listeners) {
      try {
        // An async function fits a listener's type, and its rejection would be nobody's.
        const answer: unknown = listener(event);
        if (typeof answer === 'object' && answer !== null)
          Promise.resolve(answer).catch((error: unknown) => this.#warn(error));
      } catch (error) {
        this.#warn(error);
      }
    }
  }

  #warn(error: unknown): void {
    if (this.#hasWarned) return;
    this.#hasWarned = true;
    const name = error instanceof Error ? error.name : typeof error;
    process.emitWarning(`A hook of cache "${this.#source.cache}" failed with ${name}; the cache is unaffected.`, {
      code: 'CACHE_HOOK_FAILED',
    });
  }
}

/**
 * A dispatcher for the hooks given, or `undefined` when there are none, so that a cache pays one comparison.
 *
 * @throws CacheOptionError for hooks that are no object, for one that is no function, and for a `usesAsyncContext` that is no boolean
 */
export function createHookDispatcher(
  hooks: CacheHooks | readonly CacheHooks[] | undefined,
  source: CacheEventSource,
): HookDispatcher | undefined {
  const list = hooks === undefined ? [] : isList(hooks) ? hooks : [hooks];
  for (const hook of list) {
    if (typeof hook !== 'object' || hook === null)
      throw new CacheOptionError(
        `hooks is an object with functions such as onHit, or a list of such objects; got ${hook === null ? 'null' : typeof hook}.`,
      );
  }
  return list.length === 0 ? undefined : new HookDispatcher(list, source);
}

function isList(hooks: CacheHooks | readonly CacheHooks[]): hooks is readonly CacheHooks[] {
  return Array.isArray(hooks);
}

function readsAsyncContext({ usesAsyncContext = true }: CacheHooks): boolean {
  if (typeof usesAsyncContext !== 'boolean')
    throw new CacheOptionError(`hooks.usesAsyncContext is true or false; got ${typeof usesAsyncContext}.`);
  return usesAsyncContext;
}

/** True for hooks that hear of reads as numbers, and for those that hear of none. */
function takesReadsTogether({ onReads, onHit, onMiss, onOperation }: CacheHooks): boolean {
  return onReads !== undefined || (onHit === undefined && onMiss === undefined && onOperation === undefined);
}

function bound<Name extends CacheHookName>(
  hooks: readonly CacheHooks[],
  name: Name,
): readonly NonNullable<CacheHooks[Name]>[] {
  return hooks.flatMap((hook) => {
    const listener = hook[name];
    if (listener === undefined) return [];
    if (typeof listener !== 'function')
      throw new CacheOptionError(`hooks.${name} is a function; got ${typeof listener}.`);
    return [listener.bind(hook) as NonNullable<CacheHooks[Name]>];
  });
}
